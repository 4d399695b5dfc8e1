//! Who may depend on whom.
//!
//! `functions -> wiring -> {lambda-kit, aws, gateways} -> usecases -> billing`; `analytics -> billing`; `infra/*` sees
//! everything and nothing but tests sees it. What is absent matters most: no clock, no I/O and no randomness in the rules.

use crate::workspace::{Dependency, Package};

/// What the rules must not reach, by name or by prefix.
const NOT_IN_BILLING: [&str; 9] = ["tokio", "tracing", "aws-", "aws_", "lambda", "polars", "rand", "uuid", "reqwest"];

/// Adapters: each knows the use cases, none knows another.
const ADAPTERS: [&str; 3] = ["aws", "gateways", "lambda-kit"];

/// Which of our packages a package may depend on; none: whichever it likes.
fn allowed(package: &Package) -> Option<Vec<&'static str>> {
    Some(match package.folder.as_str() {
        "shared/billing" => vec![],
        "shared/usecases" | "analytics" => vec!["billing"],
        "shared/aws" | "shared/gateways" | "shared/lambda-kit" => vec!["billing", "usecases"],
        "shared/wiring" => [&ADAPTERS[..], &["billing", "usecases"]].concat(),
        "functions/run-reports" => [&ADAPTERS[..], &["billing", "usecases", "wiring", "analytics"]].concat(),
        folder if folder.starts_with("functions/") => [&ADAPTERS[..], &["billing", "usecases", "wiring"]].concat(),
        folder if folder.starts_with("infra/") || folder.starts_with("tests/") => return None,
        // A package in a new place has to be given one here.
        _ => vec![],
    })
}

fn is_banned_in_billing(name: &str) -> bool {
    NOT_IN_BILLING.iter().any(|banned| name == *banned || name.starts_with(&format!("{banned}-")))
        || ["aws-", "aws_", "lambda", "polars", "rand_"].iter().any(|prefix| name.starts_with(prefix))
}

fn of_billing(package: &Package) -> Vec<String> {
    let mut problems = Vec::new();
    for dependency in package.dependencies.iter().filter(|d| !d.dev) {
        if is_banned_in_billing(&dependency.name) {
            problems.push(format!("billing depends on {}: it has no I/O, no clock and no randomness", dependency.name));
        }
        let reads_the_clock =
            dependency.default_features || dependency.features.iter().any(|f| f == "clock" || f == "now");
        if dependency.name == "chrono" && reads_the_clock {
            problems.push("billing uses chrono with its clock: Utc::now() must not compile there".into());
        }
    }
    problems
}

/// Everything that points the wrong way.
fn problems(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    let ours = |d: &&Dependency| packages.iter().any(|p| p.name == d.name);
    for package in packages {
        if package.name == "billing" {
            problems.extend(of_billing(package));
        }
        let Some(allowed) = allowed(package) else { continue };
        for dependency in package.dependencies.iter().filter(|d| !d.dev).filter(ours) {
            if !allowed.contains(&dependency.name.as_str()) {
                problems.push(format!("{} must not depend on {}", package.folder, dependency.name));
            }
        }
    }
    problems.extend(polars(packages));
    problems
}

/// Polars costs minutes of compilation and megabytes: it reaches the reports, the command and nothing else.
fn polars(packages: &[Package]) -> Vec<String> {
    let may_see_reports = |p: &Package| {
        matches!(p.folder.as_str(), "analytics" | "infra/cli" | "functions/run-reports")
            || p.folder.starts_with("tests/")
    };
    let mut problems = Vec::new();
    for package in packages {
        let depends_on = |name: &str| package.dependencies.iter().any(|d| d.name.starts_with(name));
        if depends_on("polars") && package.folder != "analytics" {
            problems.push(format!("{} depends on Polars: only analytics does", package.folder));
        }
        if depends_on("analytics") && !may_see_reports(package) {
            problems.push(format!("{} depends on analytics, and so on Polars", package.folder));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace::packages};

    fn sample(folder: &str, dependencies: &[&str]) -> Package {
        let name = folder.rsplit('/').next().unwrap_or(folder).to_owned();
        let dependency = |name: &&str| Dependency { name: (*name).into(), ..Dependency::default() };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name, folder: folder.into(), dependencies, binaries: Vec::new() }
    }

    #[test]
    fn dependencies_point_from_the_edge_to_the_rules() {
        let packages = packages();
        assert!(packages.iter().any(|p| p.name == "billing"), "the rules are gone");
        assert_none(&problems(&packages));
    }

    #[test]
    fn a_wrong_arrow_is_found() {
        for (folder, dependency) in [
            ("shared/billing", "usecases"),
            ("shared/usecases", "aws"),
            ("shared/aws", "gateways"),
            ("analytics", "usecases"),
            ("functions/renew", "signup"),
            ("functions/renew", "embedded"),
            ("shared/new", "billing"),
        ] {
            let other = sample(&format!("elsewhere/{dependency}"), &[]);
            let found = problems(&[sample(folder, &[dependency]), other]);
            assert_eq!(found, [format!("{folder} must not depend on {dependency}")]);
        }
    }

    #[test]
    fn io_clock_and_randomness_in_the_rules_are_found() {
        for banned in [
            "tokio",
            "tracing",
            "aws-config",
            "aws_lambda_events",
            "lambda_http",
            "polars",
            "rand",
            "rand_core",
            "uuid",
        ] {
            assert!(!problems(&[sample("shared/billing", &[banned])]).is_empty(), "{banned}");
        }
        let mut clock = sample("shared/billing", &["chrono"]);
        assert_eq!(problems(std::slice::from_ref(&clock)), Vec::<String>::new());
        clock.dependencies[0].features = vec!["clock".into()];
        assert_eq!(problems(std::slice::from_ref(&clock)).len(), 1);
        clock.dependencies[0] = Dependency { name: "chrono".into(), default_features: true, ..Dependency::default() };
        assert_eq!(problems(&[clock]).len(), 1);
    }

    #[test]
    fn polars_outside_the_reports_is_found() {
        assert_eq!(problems(&[sample("functions/renew", &["polars"])]).len(), 1);
        assert_eq!(polars(&[sample("infra/embedded", &["analytics"])]).len(), 1);
    }
}
