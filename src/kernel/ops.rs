//! The operators of kernels on the CPU: what the macro writes in place of `+`, `as`, `[]`.
