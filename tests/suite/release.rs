//! What has to be right when a version goes out: versions that agree, packages that are whole, the public API.

use std::path::{Path, PathBuf};

use nosc_tests::{members, read, root};

/// Folders of the packages that go to crates.io, in the order in which they go.
const PUBLISHED: [&str; 5] = ["compiler", "kernels", "runtime", "controller", "cli"];

/// The value of `key = "..."` in the text of a manifest.
fn value<'t>(manifest: &'t str, key: &str) -> Option<&'t str> {
    let line = manifest.lines().find(|line| line.starts_with(&format!("{key} = ")))?;
    line.split('"').nth(1)
}

#[test]
fn versions_agree_wherever_they_stand() {
    let manifest = read("Cargo.toml");
    let version = value(&manifest, "version").unwrap();
    let own = manifest.lines().filter(|line| line.starts_with("nosc-")).collect::<Vec<_>>();
    assert_eq!(own.len(), 4);
    for line in own {
        assert!(line.contains(&format!("version = \"{version}\"")), "{line}");
    }
    assert!(read("CHANGELOG.md").contains(&format!("\n## [{version}]")), "CHANGELOG.md");
    let image = format!("org.opencontainers.image.version=\"{version}\"");
    assert!(read("Containerfile").contains(&image), "Containerfile");
    // maturin takes it from the crate.
    assert!(read("python/pyproject.toml").contains("dynamic = [\"version\"]"));
    for member in members() {
        let manifest = read(Path::new(&member).join("Cargo.toml"));
        assert!(manifest.contains("\nversion.workspace = true\n"), "{member}");
    }
}

#[test]
fn members_are_published_or_say_that_they_are_not() {
    for member in members() {
        let manifest = read(Path::new(&member).join("Cargo.toml"));
        let is_published = PUBLISHED.contains(&member.as_str());
        assert_ne!(is_published, manifest.contains("\npublish = false\n"), "{member}");
    }
}

#[test]
fn packages_have_licences_a_readme_and_what_crates_io_shows() {
    for member in PUBLISHED {
        for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
            assert_eq!(read(Path::new(member).join(name)), read(name), "{member}/{name}");
        }
        let manifest = read(Path::new(member).join("Cargo.toml"));
        for key in ["description", "readme", "keywords", "categories", "include"] {
            assert!(value(&manifest, key).is_some(), "{member}: no {key}");
        }
        let name = value(&manifest, "name").unwrap();
        let text = read(Path::new(member).join("README.md"));
        assert!(text.starts_with(&format!("# {name}\n")), "{member}/README.md");
        // A link to a file of the repository leads nowhere from there.
        assert!(!text.contains("](docs/") && !text.contains("](../"), "{member}/README.md");
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// The paths in a text that `include_str!` and `include_bytes!` read, those for tests of documents left out.
fn included(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let is_shipped = |at: usize| at == 0 || !lines[at - 1].contains("cfg(doctest)");
    let shipped = lines.iter().enumerate().filter(|(at, _)| is_shipped(*at)).map(|(_, line)| *line);
    let named = shipped
        .filter(|line| line.contains("include_str!(\"") || line.contains("include_bytes!(\""));
    named.filter_map(|line| line.split('"').find(|part| part.contains('.'))).collect()
}

#[test]
fn packages_are_small_and_have_the_files_that_are_compiled_in() {
    let mut count = 0;
    for member in PUBLISHED {
        let manifest = read(Path::new(member).join("Cargo.toml"));
        let line = manifest.lines().find(|line| line.starts_with("include = ")).unwrap();
        let listed: Vec<PathBuf> = line
            .split('"')
            .skip(1)
            .step_by(2)
            .map(|path| root().join(member).join(path.trim_start_matches('/')))
            .collect();
        let folders: Vec<&PathBuf> = listed.iter().filter(|path| path.is_dir()).collect();
        assert!(listed.iter().all(|path| path.exists()), "{member}: {line}");
        let shipped: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder)).collect();
        for path in &shipped {
            assert!(path.metadata().unwrap().len() < 512 * 1024, "{}", path.display());
            if path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            for name in included(&std::fs::read_to_string(path).unwrap()) {
                let wanted = path.parent().unwrap().join(name).canonicalize();
                let wanted = wanted.unwrap_or_else(|_| panic!("{}: {name}", path.display()));
                assert!(
                    // cargo puts the manifest into every package.
                    wanted.ends_with("Cargo.toml")
                        || folders.iter().any(|folder| wanted.starts_with(folder)),
                    "{} is not in its package",
                    wanted.display()
                );
                count += 1;
            }
        }
    }
    // The standard rules, the digits, the novel, the kernels that all rules share.
    assert!(count > 20, "{count}");
}

/// Whoever changes what others see looks at the listing: CONTRIBUTING.md has the command.
#[test]
fn listings_of_the_public_api_know_what_the_crates_export() {
    for member in &PUBLISHED[..4] {
        let listing = read(format!("docs/api/nosc-{member}.txt"));
        assert!(listing.starts_with(&format!("pub mod nosc_{member}\n")), "{member}");
        let source = read(Path::new(member).join("src/lib.rs"));
        for line in source.lines() {
            let Some(module) = line.strip_prefix("pub mod ") else { continue };
            let module = format!("pub mod nosc_{member}::{}\n", module.trim_end_matches(';'));
            assert!(listing.contains(&module), "docs/api/nosc-{member}.txt has no {module}");
        }
        // What is handed on from private modules is listed under the crate itself.
        for name in exported(&source) {
            let item = format!("nosc_{member}::{name}");
            let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let is_there =
                listing.match_indices(&item).any(|(at, _)| is_end(&listing[at + item.len()..]));
            assert!(is_there, "docs/api/nosc-{member}.txt has no {item}");
        }
        for leaked in
            ["indexmap::", "rusqlite::", "cranelift", "num_bigint::", "rayon::", "async_nats::"]
        {
            assert!(!listing.contains(leaked), "docs/api/nosc-{member}.txt: {leaked}");
        }
    }
}

/// The names of the `pub use` items of a file.
fn exported(source: &str) -> Vec<&str> {
    let uses = source.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let names = uses.flat_map(|text| {
        let inner = text.split_once('{').map_or(text, |(_, inner)| inner);
        inner.split([',', '}']).map(str::trim)
    });
    names.filter_map(|path| path.rsplit("::").next()).filter(|name| !name.is_empty()).collect()
}

/// What is made on one thread may be used on another.
#[test]
fn main_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<nosc_compiler::Rule>();
    check::<nosc_compiler::RuleFile>();
    check::<nosc_compiler::CompileErrors>();
    check::<nosc_compiler::canonical::CanonicalRule>();
    check::<nosc_compiler::canonical::Canonicalizer>();
    check::<nosc_compiler::dedup::ShardedDedup>();
    check::<nosc_compiler::space::SearchSpace>();
    check::<nosc_kernels::LoweredRule>();
    check::<nosc_kernels::Compiled>();
    check::<nosc_kernels::KernelCache>();
    check::<nosc_kernels::cpu::CpuError>();
    check::<nosc_kernels::cuda::CudaError>();
    check::<nosc_kernels::cuda::CudaKernel>();
    check::<nosc_kernels::cuda::DeviceTensor>();
    check::<nosc_runtime::CompiledRule>();
    check::<nosc_runtime::Optimizer>();
    check::<nosc_runtime::StatelessOptimizer>();
    check::<nosc_runtime::CudaOptimizer>();
    check::<nosc_runtime::PlacedOptimizer>();
    check::<nosc_runtime::RuntimeError>();
    check::<nosc_runtime::CheckpointError>();
    check::<nosc_controller::outcome::Outcome>();
    check::<nosc_controller::task::TaskError>();
    check::<Box<dyn nosc_controller::task::Task>>();
    check::<nosc_controller::search::run::RunError>();
    check::<nosc_controller::search::settings::SearchSettings>();
}
