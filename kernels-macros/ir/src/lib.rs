//! The intermediate representation of a veda kernel, shared by the `#[veda::kernel]` macro (which writes it) and the
//! run time (which links, types and prints it).
//!
//! A kernel travels like this:
//!
//! 1. The macro lowers the user's function to a [`ast::Function`], checks it with [`infer`] as far as one function
//!    can be checked alone (early, spanned errors), and stores it as bytes ([`codec`]).
//! 2. At first use the run time decodes the bytes of a kernel and of everything it calls into [`link::Unit`]s, and
//!    [`link::link`] types them completely.
//! 3. [`wgsl`] prints the linked functions; [`cost`] counts their operations.
#![allow(clippy::wildcard_imports)] // the codec and inference name every node of the tree
#![allow(clippy::match_same_arms, clippy::single_match_else)] // tables read better one row per case
#![allow(clippy::needless_pass_by_value)] // printed values are built on the spot

pub mod ast;
pub mod builtin;
pub mod codec;
pub mod cost;
pub mod infer;
pub mod link;
pub mod visit;
pub mod wgsl;
