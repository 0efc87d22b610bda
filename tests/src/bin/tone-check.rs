//! `tone-check FILE [HZ [SECONDS]]`: judges the tone in a recording and prints one line.
//!
//! Exit codes: 0 a clean tone, 1 not a clean tone or no tone, 2 wrong use.

use std::path::Path;
use std::process::ExitCode;

use carillon_tests::recording::Recording;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, otherwise: f64| args.get(at).map_or(Ok(otherwise), |text| text.parse());
    let (Some(file), Ok(frequency), Ok(seconds)) = (args.first(), number(1, 440.0), number(2, 1.0))
    else {
        eprintln!("use: tone-check FILE [HZ [SECONDS]]");
        return ExitCode::from(2);
    };
    match Recording::open(Path::new(file)).and_then(|recording| recording.tone()) {
        Ok(verdict) => {
            let clean = verdict.is_clean(frequency, seconds);
            println!("tone {verdict}{}", if clean { "" } else { ": NOT CLEAN" });
            if clean {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(fault) => {
            eprintln!("tone-check: {fault}");
            ExitCode::FAILURE
        }
    }
}
