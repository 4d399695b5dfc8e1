//! `perennial calc`: the pure rules at a prompt. It reads and prints; every decision is in `billing::calc`.
//!
//! Exists so that support staff and tests of any language can ask what a price, a change, an invoice comes to without a
//! stack, a store or a program of their own.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use billing::{
    calc::{CalcError, Kind, answer},
    profile::{Profile, UnknownProfile},
};

use crate::failure::Failure;

/// What is asked.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Command,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    /// Where the periods of a contract are cut, and what holds at an instant.
    Dates(Options),
    /// What units, events or readings cost by any price model.
    Price(Options),
    /// What a change, an end or a stub gives back and charges.
    Prorate(Options),
    /// What an invoice with coupons, taxes and credit comes to.
    Invoice(Options),
    /// When an unpaid invoice is tried again, and what happens meanwhile.
    Dunning(Options),
}

#[derive(clap::Args, Clone, Debug)]
struct Options {
    /// Files with a JSON document a line; none, or -, for standard input.
    files: Vec<PathBuf>,
    /// Whose policy answers where a question names none; an unknown name lists those there are.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = profile)]
    profile: Profile,
    /// Print the JSON Schema of a question, and ask nothing.
    #[arg(long, conflicts_with_all = ["answer_schema", "example", "files"])]
    schema: bool,
    /// Print the JSON Schema of an answer, and ask nothing.
    #[arg(long, conflicts_with_all = ["example", "files"])]
    answer_schema: bool,
    /// Print questions to try, and ask nothing.
    #[arg(long, conflicts_with = "files")]
    example: bool,
}

fn profile(name: &str) -> Result<Profile, UnknownProfile> {
    name.parse()
}

/// Why a question has no answer, and where it stands.
#[derive(Debug)]
struct Unanswered {
    /// The file; none for standard input.
    file: Option<PathBuf>,
    line: usize,
    problem: CalcError,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// What ends a run before its end.
enum End {
    /// A question without an answer, or none at all: the caller's to mend.
    Question(String),
    /// Nobody reads on (`| head`): no failure.
    Gone,
    /// A file or a pipe.
    Io(Failure),
}

/// Runs the command; whether every question was answered. What was wrong with a question is said on standard error.
pub(crate) fn run(args: Args) -> Result<bool, Failure> {
    let (kind, options) = match args.kind {
        Command::Dates(options) => (Kind::Dates, options),
        Command::Price(options) => (Kind::Price, options),
        Command::Prorate(options) => (Kind::Prorate, options),
        Command::Invoice(options) => (Kind::Invoice, options),
        Command::Dunning(options) => (Kind::Dunning, options),
    };
    let mut out = io::stdout().lock();
    let asked = match (options.schema, options.answer_schema, options.example) {
        (true, ..) => print(&mut out, kind.question_schema()).map(|()| true),
        (_, true, _) => print(&mut out, kind.answer_schema()).map(|()| true),
        (_, _, true) => print(&mut out, kind.examples()).map(|()| true),
        _ => answer_all(kind, &options, &mut out),
    };
    match asked {
        Ok(true) => Ok(true),
        Ok(false) => Ok(said(&format!(
            "there is no question: write one JSON document a line, such as those of perennial calc {kind} --example"
        ))),
        Err(End::Question(problem)) => Ok(said(&problem)),
        Err(End::Gone) => Ok(true),
        Err(End::Io(failure)) => Err(failure),
    }
}

fn said(problem: &str) -> bool {
    eprintln!("{problem}");
    false
}

/// Answers what is in the files one after the other; whether there was anything.
fn answer_all(kind: Kind, options: &Options, out: &mut impl Write) -> Result<bool, End> {
    let stdin = [PathBuf::from("-")];
    let files = if options.files.is_empty() { &stdin[..] } else { &options.files };
    let mut any = false;
    for file in files {
        if file.as_os_str() == "-" {
            any |= answer_lines(kind, options.profile, (None, &mut io::stdin().lock()), out)?;
        } else {
            let opened = File::open(file).map_err(|e| End::Io(Failure::io("read", file, e)))?;
            any |= answer_lines(kind, options.profile, (Some(file), &mut BufReader::new(opened)), out)?;
        }
    }
    Ok(any)
}

/// Answers line by line, each as it comes; whether there was a question.
fn answer_lines(
    kind: Kind,
    profile: Profile,
    (file, input): (Option<&Path>, &mut dyn BufRead),
    out: &mut impl Write,
) -> Result<bool, End> {
    let mut any = false;
    let (mut text, mut number) = (Vec::new(), 0);
    loop {
        text.clear();
        let place = file.unwrap_or(Path::new("standard input"));
        let read = input.read_until(b'\n', &mut text).map_err(|e| End::Io(Failure::io("read", place, e)))?;
        if read == 0 {
            return Ok(any);
        }
        number += 1;
        // What is not UTF-8 is no JSON either, and is refused as that.
        let line = String::from_utf8_lossy(&text);
        let question = line.trim_start_matches('\u{feff}').trim();
        if question.is_empty() {
            continue;
        }
        let unanswered = |problem| Unanswered { file: file.map(Path::to_owned), line: number, problem };
        let answered = answer(kind, question, profile).map_err(|e| End::Question(unanswered(e).to_string()))?;
        print(out, &answered)?;
        any = true;
    }
}

/// Prints a text that ends its line.
fn print(out: &mut impl Write, text: &str) -> Result<(), End> {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(End::Gone),
        Err(error) => Err(End::Io(Failure::because("write the answer", error))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: Kind, input: &str) -> (Result<bool, String>, String) {
        let mut out = Vec::new();
        let done = answer_lines(kind, Profile::default(), (None, &mut input.as_bytes()), &mut out);
        let done = done.map_err(|end| match end {
            End::Question(problem) => problem,
            End::Gone => String::new(),
            End::Io(failure) => failure.to_string(),
        });
        (done, String::from_utf8(out).unwrap())
    }

    #[test]
    fn good_questions_are_answered_before_a_bad_one_ends_the_run() {
        let good = r#"{"id":"a","days":{"from":"2026-01-01","to":"2026-02-01"}}"#;
        let (done, out) = asked(Kind::Dates, &format!("\u{feff}{good}\r\n\n{good}\n{{\n{good}\n"));
        assert_eq!(out.lines().count(), 2);
        assert!(done.unwrap_err().starts_with("line 4: this is not a question of this kind"));
    }

    #[test]
    fn blank_lines_are_no_questions() {
        assert_eq!(asked(Kind::Price, "\n  \n"), (Ok(false), String::new()));
    }
}
