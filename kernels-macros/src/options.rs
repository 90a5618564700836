//! `#[kernel(exact, crate = path, test, no_test)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Path, Token};

use crate::error::{error, fail};

/// What the attribute asks for.
pub struct Options {
    /// Keep the signature as written.
    pub exact: bool,
    /// Where the crate `veda` is.
    pub veda: TokenStream,
    /// Whether to emit a test of both twins.
    pub test: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { exact: false, veda: quote!(::veda), test: false }
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
                    options.test = name == "test";
                    tested = Some(name);
                }
                other => {
                    return fail(
                        &name,
                        format_args!("unknown option `{other}`"),
                        "the options are `exact`, `crate = path`, `test` and `no_test`",
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
