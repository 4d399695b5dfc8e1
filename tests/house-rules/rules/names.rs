//! A verb has the same name everywhere: use case, folder, resource, sample event, row of the table.

use std::{collections::BTreeMap, fs};

use crate::workspace::{Package, root};

/// The one package whose folder says where it is and whose name is what people type.
const NAMED_AFTER_ITS_COMMAND: (&str, &str) = ("infra/cli", "perennial");

/// What surrounds the functions; none: not there (yet), so nothing can be asked of it.
#[derive(Default)]
struct Surroundings {
    template: Option<String>,
    events: Option<Vec<String>>,
    table: Option<String>,
}

impl Surroundings {
    fn read() -> Self {
        let entries = fs::read_dir(root().join("infra/events")).into_iter().flatten().flatten();
        let events: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        let events = Some(events).filter(|e| !e.is_empty());
        Self {
            template: fs::read_to_string(root().join("infra/template.yaml")).ok(),
            events,
            table: fs::read_to_string(root().join("functions/README.md")).ok(),
        }
    }
}

/// `change-plan` is `ChangePlanFunction` in the template.
fn resource(verb: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    verb.split('-').filter(|w| !w.is_empty()).map(capital).collect::<String>() + "Function"
}

/// The verbs that have a folder.
fn verbs(packages: &[Package]) -> Vec<&str> {
    packages.iter().filter_map(|p| p.folder.strip_prefix("functions/")).collect()
}

/// The first column of the table of functions, header and rule left out; other tables are not meant.
fn rows(table: &str) -> Vec<&str> {
    let head = |line: &&str| !line.starts_with("| function |");
    let lines = table.lines().skip_while(head).take_while(|line| line.starts_with('|')).skip(2);
    lines.filter_map(|line| line.split('|').nth(1)).map(str::trim).collect()
}

fn of_functions(packages: &[Package], around: &Surroundings) -> Vec<String> {
    let mut problems = Vec::new();
    let verbs = verbs(packages);
    for verb in &verbs {
        let line = format!("  {}:", resource(verb));
        if around.template.as_ref().is_some_and(|t| !t.lines().any(|l| l.trim_end() == line)) {
            problems.push(format!("functions/{verb}: infra/template.yaml has no {}", resource(verb)));
        }
        if around.events.as_ref().is_some_and(|e| !e.contains(&format!("{verb}.json"))) {
            problems.push(format!("functions/{verb}: infra/events/{verb}.json is missing"));
        }
        if around.table.as_ref().is_some_and(|t| !rows(t).contains(verb)) {
            problems.push(format!("functions/{verb}: functions/README.md has no row for it"));
        }
    }
    let of_nothing = |name: &&str| !verbs.is_empty() && !verbs.contains(name);
    for row in around.table.as_deref().map(rows).unwrap_or_default().into_iter().filter(of_nothing) {
        problems.push(format!("functions/README.md: there is no function {row}"));
    }
    for event in around.events.iter().flatten().filter_map(|e| e.strip_suffix(".json")).filter(of_nothing) {
        problems.push(format!("infra/events/{event}.json: there is no function {event}"));
    }
    problems
}

fn of_packages(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut binaries: BTreeMap<&str, &str> = BTreeMap::new();
    for package in packages {
        let folder = package.folder.rsplit('/').next().unwrap_or_default();
        let (place, name) = (package.folder.as_str(), package.name.as_str());
        if folder != name && (place, name) != NAMED_AFTER_ITS_COMMAND {
            problems.push(format!("{place}: the package is called {name}"));
        }
        for binary in &package.binaries {
            if let Some(other) = binaries.insert(binary, place) {
                problems.push(format!("{place}: {other} has a binary {binary} too"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace::packages};

    const TABLE: &str = "text\n\n| function | trigger |\n|---|---|\n| change-plan | url |\n\n| variable | for |\n|---|---|\n| `X` | y |\n";

    fn function(verb: &str) -> Package {
        Package { name: verb.into(), folder: format!("functions/{verb}"), ..Package::default() }
    }

    fn around() -> Surroundings {
        Surroundings {
            template: Some("Resources:\n  ChangePlanFunction:\n    Type: AWS::Serverless::Function\n".into()),
            events: Some(vec!["change-plan.json".into()]),
            table: Some(TABLE.into()),
        }
    }

    #[test]
    fn every_function_has_its_resource_its_event_and_its_row() {
        assert_none(&of_functions(&packages(), &Surroundings::read()));
    }

    #[test]
    fn packages_are_called_like_their_folders_and_binaries_are_unique() {
        assert_none(&of_packages(&packages()));
    }

    #[test]
    fn a_function_without_resource_event_or_row_is_found() {
        assert_none(&of_functions(&[function("change-plan")], &around()));
        let found = of_functions(&[function("change-plan"), function("renew")], &around());
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(of_functions(&[function("change-plan"), function("renew")], &Surroundings::default()), [""; 0]);
    }

    #[test]
    fn a_row_or_an_event_without_a_function_is_found() {
        let mut more = around();
        more.table = Some(TABLE.replace("| url |\n", "| url |\n| dream | night |\n"));
        more.events = Some(vec!["change-plan.json".into(), "dream.json".into()]);
        assert_eq!(of_functions(&[function("change-plan")], &more).len(), 2);
    }

    #[test]
    fn a_package_with_another_name_and_a_second_binary_of_a_name_are_found() {
        let odd = Package { name: "bills".into(), folder: "shared/billing".into(), ..Package::default() };
        assert_eq!(of_packages(&[odd]).len(), 1);
        let twice = |verb: &str| Package { binaries: vec!["run".into()], ..function(verb) };
        assert_eq!(of_packages(&[twice("a"), twice("b")]).len(), 1);
    }
}
