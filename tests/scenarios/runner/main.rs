//! Runs every story of `scripts/*.txt` and compares what happened with the `.out` file beside it.
//!
//! Exists because a reviewer can judge a story without reading code, and because a new story needs no compiler.
//! `UPDATE_EXPECT=1 cargo test -p scenarios` rewrites the transcripts; the diff is then the review.

mod adapters;
mod args;
mod changes;
mod command;
mod metering;
mod news;
mod offers;
mod reading;
mod requests;
mod show;
mod timing;
mod world;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn scripts() -> PathBuf {
    PathBuf::from("scripts")
}

fn files_ending(ending: &str) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(scripts()).expect("the scripts folder can be read");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths.filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}

/// The transcript of one story: its comments, its commands, and what each command made happen.
fn play(path: &Path) -> Result<String, String> {
    let story = fs::read_to_string(path).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let mut world = world::World::new();
        for (i, line) in story.lines().enumerate() {
            command::run(&mut world, line).await.map_err(|e| format!("line {}: {e}: {line}", i + 1))?;
        }
        world.close().await?;
        Ok(world.transcript())
    })
}

/// The first line in which two texts differ, for the message of a failure.
fn first_difference(expected: &str, found: &str) -> String {
    let (mut old, mut new) = (expected.lines(), found.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let show = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
                return format!("line {number}\n    expected: {}\n    found:    {}", show(a), show(b));
            }
        }
    }
    "they differ in line endings".into()
}

#[test]
fn every_story_ends_as_it_was_reviewed() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for script in files_ending("txt") {
        let name = script.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let golden = script.with_extension("out");
        match play(&script) {
            Err(problem) => wrong.push(format!("{name}: {problem}")),
            Ok(found) if update => fs::write(&golden, found).expect("the transcript can be written"),
            Ok(found) => {
                let expected = fs::read_to_string(&golden).unwrap_or_default();
                if expected != found {
                    wrong.push(format!("{name}: {}", first_difference(&expected, &found)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 rewrites the transcripts.\n{}", wrong.join("\n"));
}

#[test]
fn every_transcript_belongs_to_a_story() {
    let orphans: Vec<_> = files_ending("out").into_iter().filter(|path| !path.with_extension("txt").exists()).collect();
    assert_eq!(orphans, Vec::<PathBuf>::new());
    assert!(files_ending("txt").len() >= 14, "the stories are gone");
}

#[test]
fn the_same_story_told_twice_gives_the_same_transcript() {
    for script in files_ending("txt") {
        assert_eq!(play(&script), play(&script), "{}", script.display());
    }
}
