//! How long functions and files may be.
//!
//! A function is what a reader keeps in mind at once. Tables may be longer where `#[expect(clippy::too_many_lines)]` says why.

use proc_macro2::{LineColumn, Span};
use syn::{Attribute, spanned::Spanned, visit::Visit};

use crate::workspace::Text;

/// No function is longer, in lines from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Nearly all functions are not longer than this.
const FUNCTION_LINES_USUAL: usize = 40;

/// So many of a hundred functions.
const USUAL_PERCENT: usize = 95;

/// No file is longer.
const FILE_LINES_MAX: usize = 500;

struct Function {
    name: String,
    line: usize,
    lines: usize,
    is_table: bool,
}

#[derive(Default)]
struct Functions(Vec<Function>);

fn is_table(attributes: &[Attribute]) -> bool {
    let names_the_lint = |a: &Attribute| match &a.meta {
        syn::Meta::List(list) => list.tokens.to_string().replace(' ', "").contains("clippy::too_many_lines"),
        _ => false,
    };
    attributes.iter().any(|a| a.path().is_ident("expect") && names_the_lint(a))
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: Span, attributes: &[Attribute]) {
        let LineColumn { line, .. } = signature.span().start();
        let lines = body.end().line - line + 1;
        self.0.push(Function { name: signature.ident.to_string(), line, lines, is_table: is_table(attributes) });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, item.block.span(), &item.attrs);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, item.block.span(), &item.attrs);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block.span(), &item.attrs);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}

fn functions(source: &Text) -> Result<Vec<Function>, String> {
    let mut found = Functions::default();
    found.visit_file(&source.syntax()?);
    Ok(found.0)
}

/// Everything that is too long.
fn problems(sources: &[Text]) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut all, mut long) = (0, Vec::new());
    for source in sources {
        let lines = source.content.lines().count();
        if lines > FILE_LINES_MAX {
            problems.push(format!("{}: {lines} lines (at most {FILE_LINES_MAX})", source.path));
        }
        let functions = match functions(source) {
            Ok(functions) => functions,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        all += functions.len();
        for f in functions {
            let place = format!("{}:{} fn {}: {} lines", source.path, f.line, f.name, f.lines);
            if f.lines > FUNCTION_LINES_USUAL {
                long.push(place.clone());
            }
            if f.lines > FUNCTION_LINES_MAX && !f.is_table {
                problems.push(format!("{place} (at most {FUNCTION_LINES_MAX})"));
            }
        }
    }
    if (all - long.len()) * 100 < all * USUAL_PERCENT {
        problems
            .push(format!("{} of {all} functions are longer than {FUNCTION_LINES_USUAL} lines: {long:#?}", long.len()));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace::sources};

    fn of_lines(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    fn short(count: usize) -> String {
        (0..count).map(|i| format!("fn short_{i}() {{}}\n")).collect()
    }

    #[test]
    fn functions_and_files_stay_within_their_budgets() {
        assert_none(&problems(&sources()));
    }

    #[test]
    fn a_function_of_71_lines_is_found_unless_it_says_that_it_is_a_table() {
        let check = |attribute: &str, lines| {
            let content = short(19) + attribute + &of_lines(lines);
            problems(&[Text::sample("a.rs", &content)]).len()
        };
        assert_eq!([check("", 70), check("", 71)], [0, 1]);
        assert_eq!(check("#[expect(clippy::too_many_lines, reason = \"the table\")]\n", 71), 0);
    }

    #[test]
    fn functions_in_traits_impls_and_modules_count() {
        let body = of_lines(80);
        for content in [format!("impl A {{ {body} }}"), format!("trait A {{ {body} }}"), format!("mod a {{ {body} }}")]
        {
            assert!(!problems(&[Text::sample("a.rs", &(short(30) + &content))]).is_empty(), "{content}");
        }
    }

    #[test]
    fn too_many_long_functions_are_found() {
        let nineteen = short(19) + &of_lines(41);
        assert_none(&problems(&[Text::sample("a.rs", &nineteen)]));
        let eighteen = short(18) + &of_lines(41);
        assert_eq!(problems(&[Text::sample("a.rs", &eighteen)]).len(), 1);
    }

    #[test]
    fn a_file_of_501_lines_is_found() {
        let check = |lines| problems(&[Text::sample("a.rs", &"\n".repeat(lines))]).len();
        assert_eq!([check(500), check(501)], [0, 1]);
    }
}
