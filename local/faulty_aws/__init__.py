"""A way to AWS on which calls fail, in AWS's own shapes: a proxy of an AWS endpoint."""
