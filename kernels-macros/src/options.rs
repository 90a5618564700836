//! `#[kernel(exact, crate = path, test, no_test, tolerance = 1e-4)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitFloat, Path, Token};

use crate::error::{error, fail};

/// How the twins are compared under `cfg(test)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Twins {
    /// By `veda::testing::check_all`.
    Listed,
    /// By a test of the kernel's own, too.
    Tested,
    /// Not at all.
    Unlisted,
}

/// What the attribute asks for.
pub struct Options {
    /// Keep the signature as written.
    pub exact: bool,
    /// Where the crate `veda` is.
    pub veda: TokenStream,
    /// Whether the twins are compared in tests.
    pub twins: Twins,
    /// The relative tolerance of that comparison, if one is written.
    pub tolerance: Option<LitFloat>,
}

impl Default for Options {
    fn default() -> Options {
        Options { exact: false, veda: quote!(::veda), twins: Twins::Listed, tolerance: None }
    }
}

impl Options {
    /// Parses the tokens between the attribute's parentheses.
    pub fn parse(tokens: TokenStream) -> syn::Result<Options> {
        Self::parser.parse2(tokens)
    }

    fn parser(input: ParseStream) -> syn::Result<Options> {
        let mut options = Options::default();
        let mut tested: Option<Ident> = None;
        while !input.is_empty() {
            let name = Ident::parse_any(input)?;
            match name.to_string().as_str() {
                "exact" => options.exact = true,
                "crate" => {
                    input
                        .parse::<Token![=]>()
                        .map_err(|_| error(&name, "`crate` needs a path", "`crate = my::veda`"))?;
                    let path = Path::parse_mod_style(input)?;
                    options.veda = quote!(#path);
                }
                "test" | "no_test" => {
                    if tested.as_ref().is_some_and(|other| *other != name) {
                        return fail(&name, "`test` and `no_test` exclude each other", "keep one of them");
                    }
                    options.twins = if name == "test" { Twins::Tested } else { Twins::Unlisted };
                    tested = Some(name);
                }
                "tolerance" => {
                    let help = "`tolerance = 1e-4`, relative to the larger result";
                    input.parse::<Token![=]>().map_err(|_| error(&name, "`tolerance` needs a number", help))?;
                    options.tolerance =
                        Some(input.parse().map_err(|_| error(&name, "`tolerance` needs a float literal", help))?);
                }
                other => {
                    return fail(
                        &name,
                        format_args!("unknown option `{other}`"),
                        "the options are `exact`, `crate = path`, `test`, `no_test` and `tolerance = 1e-4`",
                    );
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}
