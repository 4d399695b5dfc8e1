//! `calc` without the command line program: `calc KIND [PROFILE] < questions`, for trying it and for its tests.

use std::io::{BufRead, Write};

use billing::calc::{Kind, answer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind: Kind = arguments.first().ok_or("which kind? dates, price, prorate, invoice or dunning")?.parse()?;
    let profile = arguments.get(1).map_or("default", String::as_str).parse()?;
    for line in std::io::stdin().lock().lines() {
        let answered = answer(kind, &line?, profile).unwrap_or_else(|problem| format!("error: {problem}"));
        writeln!(std::io::stdout(), "{answered}")?;
    }
    Ok(())
}
