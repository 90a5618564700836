//! The math of kernels, written once in the kernel language.
