"""Shipped for tests and dry runs, never imported by the product.

`fake_server.FakeServer` is a model server without a model; `fake_answers.FakeModel` says what one of its models does;
`served.served` runs the server in a thread.
"""
