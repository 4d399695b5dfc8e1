//! What may be written: every file says what it is and why; no floats near money; no clock but the clock; no panics where a
//! customer waits; nothing about the machine it was written on.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, visit::Visit};

use crate::workspace::Text;

/// Places of developers' machines and of their mirrors, put together here so that this file has none of them.
fn private_places() -> Vec<String> {
    let folders = ["root", "home", "Users", "work/main", "work/shared"].map(|f| format!("/{f}/"));
    let hosts = ["artifactory", "codeartifact", "jfrog.io", "nexus.", "gitlab."].map(|h| format!("://{h}"));
    let words = ["jfrog", "codeartifact"].map(|w| format!(".{w}"));
    folders.into_iter().chain(hosts).chain(words).collect()
}

fn of_places(texts: &[Text]) -> Vec<String> {
    let places = private_places();
    let mut problems = Vec::new();
    for text in texts {
        for (i, line) in text.content.lines().enumerate() {
            if let Some(place) = places.iter().find(|p| line.contains(p.as_str())) {
                problems.push(format!("{}:{}: names a private place ({place})", text.path, i + 1));
            }
        }
    }
    problems
}

fn of_openings(sources: &[Text]) -> Vec<String> {
    let opens = |s: &&Text| {
        let first = s.content.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_some_and(|rest| rest.trim().len() > 10)
            || first.starts_with("#![doc = include_str!")
    };
    let silent = sources.iter().filter(|s| !opens(s));
    silent.map(|s| format!("{}: does not open with //! and a sentence: what is it, and why?", s.path)).collect()
}

fn has_token(tokens: TokenStream, words: &[&str]) -> Option<String> {
    tokens.into_iter().find_map(|tree| match tree {
        TokenTree::Ident(ident) if words.contains(&ident.to_string().as_str()) => Some(ident.to_string()),
        TokenTree::Group(group) => has_token(group.stream(), words),
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            let number = text.starts_with(|c: char| c.is_ascii_digit());
            (number && words.iter().any(|w| text.ends_with(w))).then_some(text)
        }
        _ => None,
    })
}

fn tokens(source: &Text) -> TokenStream {
    source.content.parse().unwrap_or_default()
}

fn of_floats(sources: &[Text]) -> Vec<String> {
    let rules = sources.iter().filter(|s| s.path.starts_with("shared/billing/src/"));
    let floats = rules.filter_map(|s| has_token(tokens(s), &["f32", "f64"]).map(|word| (s, word)));
    floats.map(|(s, word)| format!("{}: {word}: money has no floats", s.path)).collect()
}

/// Whether the source names `Type::method`.
fn calls(tokens: TokenStream, on: &str, method: &str) -> bool {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |tree: Option<&TokenTree>, text: &str| tree.is_some_and(|t| t.to_string() == text);
    let here = (0..trees.len()).any(|i| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| trees.get(i + k));
        is(a, on) && is(b, ":") && is(c, ":") && is(d, method)
    });
    here || trees.into_iter().any(|t| matches!(t, TokenTree::Group(g) if calls(g.stream(), on, method)))
}

fn of_clocks(sources: &[Text]) -> Vec<String> {
    let excused = |s: &Text| {
        s.content.contains("expect(clippy::disallowed_methods") || s.content.contains("clippy::disallowed_methods,")
    };
    let mut problems = Vec::new();
    for source in sources.iter().filter(|s| !excused(s)) {
        for (on, method) in [("Utc", "now"), ("SystemTime", "now"), ("Local", "now")] {
            if calls(tokens(source), on, method) {
                problems.push(format!("{}: reads {on}::{method}: take the time from the Clocks port", source.path));
            }
        }
    }
    problems
}

/// Finds what ends a request with a panic, outside tests.
struct Panics<'a> {
    path: &'a str,
    found: Vec<String>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| {
        let name = a.path().segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let for_test =
            |list: &syn::MetaList| list.tokens.to_string().split(|c: char| !c.is_alphanumeric()).any(|w| w == "test");
        name == "test" || (name == "cfg" && matches!(&a.meta, syn::Meta::List(list) if for_test(list)))
    })
}

impl Panics<'_> {
    fn report(&mut self, what: &str, line: usize) {
        self.found.push(format!("{}:{line}: {what} outside tests", self.path));
    }
}

impl<'ast> Visit<'ast> for Panics<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_impl(self, item);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "unwrap" {
            self.report("unwrap()", call.method.span().start().line);
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let name = mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        if ["panic", "todo", "unimplemented"].contains(&name.as_str()) {
            self.report(&format!("{name}!"), mac.path.segments[0].ident.span().start().line);
        }
        syn::visit::visit_macro(self, mac);
    }
}

fn of_panics(sources: &[Text]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|s| !s.is_test()) {
        let Ok(syntax) = source.syntax() else { continue };
        if is_test(&syntax.attrs) {
            continue;
        }
        let mut panics = Panics { path: &source.path, found: Vec::new() };
        panics.visit_file(&syntax);
        problems.extend(panics.found);
    }
    problems
}

fn of_exceptions(sources: &[Text]) -> Vec<String> {
    let written = [["#[", "allow("].concat(), ["#![", "allow("].concat()];
    let mut problems = Vec::new();
    for source in sources {
        for (i, line) in source.content.lines().enumerate() {
            if written.iter().any(|w| line.contains(w.as_str())) {
                problems.push(format!("{}:{}: an exception is #[expect(.., reason = \"..\")]", source.path, i + 1));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        assert_none,
        workspace::{sources, texts},
    };

    fn found(rule: fn(&[Text]) -> Vec<String>, path: &str, content: &str) -> usize {
        rule(&[Text::sample(path, content)]).len()
    }

    #[test]
    fn every_source_opens_with_what_it_is_and_why() {
        assert_none(&of_openings(&sources()));
        assert_eq!(found(of_openings, "a.rs", "//! What money is.\n"), 0);
        assert_eq!(found(of_openings, "a.rs", "use std::fmt;\n"), 1);
        assert_eq!(found(of_openings, "a.rs", "//! x\n"), 1);
    }

    #[test]
    fn the_rules_have_no_floats() {
        assert_none(&of_floats(&sources()));
        let path = "shared/billing/src/a.rs";
        assert_eq!(found(of_floats, path, "/// Not f64.\nfn a() -> i64 { 1 }"), 0);
        assert_eq!(found(of_floats, path, "fn a(x: f64) {}"), 1);
        assert_eq!(found(of_floats, path, "fn a() { b(1f32) }"), 1);
        assert_eq!(found(of_floats, "analytics/src/a.rs", "fn a(x: f64) {}"), 0);
    }

    #[test]
    fn only_a_clock_reads_the_clock() {
        assert_none(&of_clocks(&sources()));
        assert_eq!(found(of_clocks, "a.rs", "fn a() { let x = chrono::Utc::now(); }"), 1);
        assert_eq!(found(of_clocks, "a.rs", "fn a() { b(SystemTime::now()) }"), 1);
        let excused = "#[expect(clippy::disallowed_methods, reason = \"the clock\")]\nfn a() { Utc::now(); }";
        assert_eq!(found(of_clocks, "a.rs", excused), 0);
    }

    #[test]
    fn nothing_panics_outside_tests() {
        assert_none(&of_panics(&sources()));
        assert_eq!(found(of_panics, "src/a.rs", "fn a() { b().unwrap(); }"), 1);
        assert_eq!(found(of_panics, "src/a.rs", "fn a() { panic!(\"no\"); }"), 1);
        assert_eq!(found(of_panics, "src/a.rs", "impl A { fn a() { todo!() } }"), 1);
        assert_eq!(found(of_panics, "src/a.rs", "#[cfg(test)] mod tests { fn a() { b().unwrap(); } }"), 0);
        assert_eq!(found(of_panics, "src/a.rs", "#[tokio::test] async fn a() { b().unwrap(); }"), 0);
        assert_eq!(found(of_panics, "shared/aws/tests/a.rs", "fn a() { b().unwrap(); }"), 0);
    }

    #[test]
    fn nothing_tells_where_it_was_written() {
        assert_none(&of_places(&texts()));
        for place in private_places() {
            assert_eq!(found(of_places, "README.md", &format!("see {place}file")), 1, "{place}");
        }
    }

    #[test]
    fn exceptions_to_lints_are_expected_and_not_allowed() {
        assert_none(&of_exceptions(&sources()));
        let bad = ["#[", "allow(dead_code)]\nfn a() {}"].concat();
        assert_eq!(found(of_exceptions, "a.rs", &bad), 1);
    }
}
