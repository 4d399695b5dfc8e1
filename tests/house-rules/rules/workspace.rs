//! What the rules look at: tracked files, parsed sources, and the packages as cargo sees them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The top of the repository: asked while the test runs, because cargo shares what it built among clones that share a
/// target folder, and a path from the build would look at another clone.
pub(crate) fn root() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo"))
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .expect("tests/house-rules has a root")
}

/// A tracked text file; its path is relative to the root.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) content: String,
}

impl Text {
    pub(crate) fn sample(path: &str, content: &str) -> Self {
        Self { path: path.into(), content: content.into() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code: an integration test, a bench, an example, or a crate of tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').rev().skip(1).any(|folder| matches!(folder, "tests" | "benches" | "examples"))
    }

    /// The parsed source.
    pub(crate) fn syntax(&self) -> Result<syn::File, String> {
        syn::parse_file(&self.content).map_err(|e| format!("{}: cannot be parsed: {e}", self.path))
    }
}

/// Every tracked file that is text. A file that was just deleted is none.
pub(crate) fn texts() -> Vec<Text> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let names = match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).split('\0').map(Into::into).collect()
        }
        // A source archive has no index: everything in it counts.
        _ => walk(&root()),
    };
    let read = |path: String| fs::read_to_string(root().join(&path)).ok().map(|content| Text { path, content });
    names.into_iter().filter(|name: &String| !name.is_empty()).filter_map(read).collect()
}

/// The tracked Rust sources.
pub(crate) fn sources() -> Vec<Text> {
    texts().into_iter().filter(Text::is_rust).collect()
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        match entry.path() {
            path if path.is_dir() => found.extend(walk(&path)),
            path => found.extend(path.strip_prefix(root()).map(|p| p.to_string_lossy().into_owned())),
        }
    }
    found
}

/// One dependency as a manifest writes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
    pub(crate) features: Vec<String>,
    pub(crate) default_features: bool,
}

/// One package of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root: `shared/billing`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) binaries: Vec<String>,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(value, "name"),
        dev: value["kind"] == "dev",
        features: list(value, "features").filter_map(|f| f.as_str().map(Into::into)).collect(),
        default_features: value["uses_default_features"] == true,
    }
}

fn package(value: &Value, root: &str) -> Package {
    let manifest = text(value, "manifest_path");
    let folder = manifest.trim_start_matches(root).trim_start_matches('/').trim_end_matches("/Cargo.toml");
    let is_binary = |target: &&Value| list(target, "kind").any(|kind| kind == "bin");
    Package {
        name: text(value, "name"),
        folder: folder.into(),
        dependencies: list(value, "dependencies").map(dependency).collect(),
        binaries: list(value, "targets").filter(is_binary).map(|target| text(target, "name")).collect(),
    }
}

/// The packages of the workspace, as cargo reads their manifests.
pub(crate) fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let root = text(&metadata, "workspace_root");
    list(&metadata, "packages").map(|p| package(p, &root)).collect()
}
