"""System calls that foreign code has no use for, as a filter for the kernel (seccomp).

What namespaces and limits leave open: new processes (a user's limit on them does not bind root), sockets of families
that no network namespace holds, memory that no limit counts, and those parts of the kernel whose faults have let code
out before. Everything else is allowed: the namespaces do the work.
"""

from __future__ import annotations

import struct

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH of those that are known here, by the name that the kernel has for them."""
DENIED: dict[str, tuple[int | None, int | None]] = {
    # processes
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # families that are not the network's: vsock, netlink, packets
    "socket": (41, 198),
    # memory that is charged to nobody
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "remap_file_pages": (216, 234),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the kernel's own machinery
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "fanotify_init": (300, 262),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
}
"""Their numbers on x86_64 and aarch64 (asm/unistd.h); None where there is no such call."""
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
CLONE_THREAD = 0x10000
X32 = 0x40000000
_LOAD, _EQUAL, _ATLEAST, _ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in `struct seccomp_data`; of the argument the lower half, as both architectures are little-endian."""


def seccomp_filter(machine: str) -> bytes:
    """The filter for an architecture, as classic BPF: denied calls fail with EPERM, threads may be made, processes not.

    `clone3` fails with ENOSYS: its flags are in memory that a filter cannot read, and the C library then takes `clone`.

    Raises:
        KeyError: the architecture is not known here.
    """
    column = [*ARCHITECTURES].index(machine)
    numbers = [both[column] for both in DENIED.values()]
    program = [
        _step(_LOAD, 0, 0, _ARCHITECTURE),
        _step(_EQUAL, 1, 0, ARCHITECTURES[machine]),
        _step(_RETURN, 0, 0, _KILL),
        _step(_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":  # the same calls under other numbers
        program += [_step(_ATLEAST, 0, 1, X32), _step(_RETURN, 0, 0, _EPERM)]
    for number in (n for n in numbers if n is not None):
        program += [_step(_EQUAL, 0, 1, number), _step(_RETURN, 0, 0, _EPERM)]
    program += [_step(_EQUAL, 0, 1, CLONE3), _step(_RETURN, 0, 0, _ENOSYS)]
    program += [
        _step(_EQUAL, 0, 3, CLONE[machine]),
        _step(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _step(_ANY, 1, 0, CLONE_THREAD),
        _step(_RETURN, 0, 0, _EPERM),
        _step(_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(program)


def _step(code: int, if_true: int, if_false: int, operand: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
