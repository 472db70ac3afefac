//! What `cargo metadata` tells of the crates, ours and others', and who needs whom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, io};

use serde_json::Value;
use thiserror::Error;

/// Why the crates cannot be listed.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    /// Cargo does not start.
    #[error("cargo does not start: {0}")]
    NoCargo(#[from] io::Error),
    /// Cargo starts and fails, mostly because a dependency is not on this machine yet.
    #[error("cargo metadata fails; if a dependency is not downloaded, run `cargo fetch`:\n{0}")]
    Failed(String),
    /// Cargo answers with something else than its documented format, version 1.
    #[error("cargo metadata leaves out `{0}`")]
    Incomplete(&'static str),
    /// Cargo answers with something else than JSON.
    #[error("cargo metadata is no JSON: {0}")]
    NoJson(#[from] serde_json::Error),
}

/// When a crate is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// By the crate itself, or by its build script.
    Always,
    /// By its tests, examples and benchmarks.
    Tests,
}

/// One line under `[dependencies]` or `[dev-dependencies]`.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// The name that the manifest uses.
    pub(crate) name: String,
    /// When it is needed.
    pub(crate) need: Need,
    /// Its folder, seen from the root, if it is one of ours.
    pub(crate) folder: Option<String>,
}

/// One crate.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its SPDX expression.
    pub(crate) licence: Option<String>,
    /// Where it was downloaded from; `None` for a path.
    pub(crate) source: Option<String>,
    /// Its folder, seen from the root, if it is one of ours.
    pub(crate) folder: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The root files of its library and its binaries, seen from the root, if it is one of ours.
    pub(crate) roots: Vec<String>,
    /// The ids of the crates that it is built from: not those of its tests.
    pub(crate) needs: Vec<String>,
}

/// All crates by their ids.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) packages: BTreeMap<String, Package>,
}

impl Workspace {
    /// Asks cargo, without network, what this machine would build.
    pub(crate) fn read(root: &Path) -> Result<Self, WorkspaceError> {
        let version = text(&cargo(root, &["-vV"])?);
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or(WorkspaceError::Incomplete("host"))?;
        let arguments = [
            "metadata",
            "--offline",
            "--format-version",
            "1",
            "--filter-platform",
            host,
        ];
        let metadata = cargo(root, &arguments)?;
        Self::parse(&serde_json::from_slice(&metadata.stdout)?)
    }

    /// Reads the format of `cargo metadata`, version 1.
    pub(crate) fn parse(metadata: &Value) -> Result<Self, WorkspaceError> {
        let root = PathBuf::from(string(metadata, "workspace_root")?);
        let mut workspace = Self::default();
        for package in list(metadata, "packages")? {
            workspace
                .packages
                .insert(string(package, "id")?, parse_package(package, &root)?);
        }
        for node in list(&metadata["resolve"], "nodes")? {
            let needs = list(node, "deps")?
                .iter()
                .filter(|dep| !is_for_tests_only(dep));
            let needs = needs
                .map(|dep| string(dep, "pkg"))
                .collect::<Result<_, _>>()?;
            if let Some(package) = workspace.packages.get_mut(&string(node, "id")?) {
                package.needs = needs;
            }
        }
        Ok(workspace)
    }

    /// Our own crates, with their folders.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Package)> {
        self.packages
            .values()
            .filter_map(|package| Some((package.folder.as_deref()?, package)))
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<Output, WorkspaceError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root)
        .output()?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(WorkspaceError::Failed(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn parse_package(package: &Value, root: &Path) -> Result<Package, WorkspaceError> {
    let source = package["source"].as_str().map(str::to_owned);
    let manifest = PathBuf::from(string(package, "manifest_path")?);
    let folder = manifest.parent().and_then(|folder| seen_from(root, folder));
    let dependencies = list(package, "dependencies")?.iter();
    let targets = list(package, "targets")?.iter().filter(|target| {
        ["lib", "bin", "proc-macro"]
            .iter()
            .any(|kind| target["kind"][0] == *kind)
    });
    Ok(Package {
        name: string(package, "name")?,
        version: string(package, "version")?,
        licence: package["license"].as_str().map(str::to_owned),
        folder: folder.filter(|_| source.is_none()),
        dependencies: dependencies
            .map(|dependency| parse_dependency(dependency, root))
            .collect::<Result<_, _>>()?,
        roots: targets
            .filter_map(|target| seen_from(root, Path::new(target["src_path"].as_str()?)))
            .collect(),
        source,
        needs: Vec::new(),
    })
}

fn parse_dependency(dependency: &Value, root: &Path) -> Result<Dependency, WorkspaceError> {
    let renamed = dependency["rename"].as_str().map(str::to_owned);
    Ok(Dependency {
        name: renamed.map_or_else(|| string(dependency, "name"), Ok)?,
        need: if dependency["kind"] == "dev" {
            Need::Tests
        } else {
            Need::Always
        },
        folder: dependency["path"]
            .as_str()
            .and_then(|path| seen_from(root, Path::new(path))),
    })
}

fn is_for_tests_only(dep: &Value) -> bool {
    dep["dep_kinds"]
        .as_array()
        .is_some_and(|kinds| kinds.iter().all(|kind| kind["kind"] == "dev"))
}

fn seen_from(root: &Path, path: &Path) -> Option<String> {
    path.strip_prefix(root).ok()?.to_str().map(str::to_owned)
}

fn string(value: &Value, key: &'static str) -> Result<String, WorkspaceError> {
    value[key]
        .as_str()
        .map(str::to_owned)
        .ok_or(WorkspaceError::Incomplete(key))
}

fn list<'a>(value: &'a Value, key: &'static str) -> Result<&'a [Value], WorkspaceError> {
    value[key]
        .as_array()
        .map(Vec::as_slice)
        .ok_or(WorkspaceError::Incomplete(key))
}

#[cfg(test)]
pub(crate) mod made_up {
    //! Made-up crates for the tests of the rules.

    use super::{Dependency, Need, Package, Workspace};
    use crate::policy;

    /// A crate of ours in `folder`, with the folders of ours that it needs.
    pub(crate) fn ours(folder: &str, needs: &[(&str, Need)]) -> Package {
        let dependency = |(folder, need): &(&str, Need)| Dependency {
            name: last_part(folder),
            need: *need,
            folder: Some((*folder).to_owned()),
        };
        Package {
            name: last_part(folder),
            version: "0.1.0".to_owned(),
            licence: Some("MIT".to_owned()),
            source: None,
            folder: Some(folder.to_owned()),
            dependencies: needs.iter().map(dependency).collect(),
            roots: vec![format!("{folder}/src/lib.rs")],
            needs: Vec::new(),
        }
    }

    /// Somebody else's crate.
    pub(crate) fn theirs(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: Some("MIT".to_owned()),
            source: Some(policy::REGISTRY.to_owned()),
            folder: None,
            dependencies: Vec::new(),
            roots: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// The workspace of `packages`; the id of each is `name version`.
    pub(crate) fn workspace(packages: impl IntoIterator<Item = Package>) -> Workspace {
        let with_id = |package: Package| (format!("{} {}", package.name, package.version), package);
        Workspace {
            packages: packages.into_iter().map(with_id).collect(),
        }
    }

    fn last_part(folder: &str) -> String {
        folder.rsplit('/').next().unwrap_or(folder).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_of_cargo_is_read() {
        let metadata = json!({
            "workspace_root": "/house",
            "packages": [
                { "id": "a", "name": "manyhop-a", "version": "1.0.0", "license": "MIT",
                  "source": null, "manifest_path": "/house/apps/a/Cargo.toml",
                  "targets": [
                      { "kind": ["bin"], "src_path": "/house/apps/a/src/main.rs" },
                      { "kind": ["test"], "src_path": "/house/apps/a/tests/t.rs" },
                  ],
                  "dependencies": [
                      { "name": "manyhop-b", "rename": "b", "kind": null, "path": "/house/drivers/b" },
                      { "name": "c", "rename": null, "kind": "dev" },
                  ] },
                { "id": "c", "name": "c", "version": "2.0.0", "license": null, "source": "far",
                  "manifest_path": "/house/../c/Cargo.toml", "targets": [], "dependencies": [] },
            ],
            "resolve": { "nodes": [
                { "id": "a", "deps": [
                    { "pkg": "b", "dep_kinds": [{ "kind": null }, { "kind": "dev" }] },
                    { "pkg": "c", "dep_kinds": [{ "kind": "dev" }] },
                ] },
            ] },
        });
        let workspace = Workspace::parse(&metadata).unwrap();
        let members: Vec<_> = workspace.members().collect();
        assert_eq!(members.len(), 1);
        let (folder, package) = members[0];
        assert_eq!((folder, package.name.as_str()), ("apps/a", "manyhop-a"));
        assert_eq!(package.roots, ["apps/a/src/main.rs"]);
        assert_eq!(package.needs, ["b"]);
        assert_eq!(package.dependencies[0].name, "b");
        assert_eq!(package.dependencies[0].folder.as_deref(), Some("drivers/b"));
        assert_eq!(package.dependencies[1].need, Need::Tests);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = Workspace::parse(&json!({ "workspace_root": "/house" })).unwrap_err();
        assert_eq!(error.to_string(), "cargo metadata leaves out `packages`");
    }
}
