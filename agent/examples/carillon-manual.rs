//! Writes the manual pages and shell completions of `carillon` from its grammar, for a package:
//!
//! ```sh
//! cargo run -p carillon-agent --example carillon-manual -- DIR
//! ```
//!
//! `DIR/man` gets a page for each verb, `DIR/completions` a file for each shell. The program itself carries neither.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("name the folder to write to");
        std::process::exit(2);
    };
    let (man, completions) = (
        Path::new(&folder).join("man"),
        Path::new(&folder).join("completions"),
    );
    std::fs::create_dir_all(&man)?;
    std::fs::create_dir_all(&completions)?;
    let mut grammar = without_help(carillon_agent::cli::grammar());
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut grammar, "carillon", &completions)?;
    }
    clap_mangen::generate_to(grammar, &man)
}

/// `help` says nothing that the pages do not.
fn without_help(command: Command) -> Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
