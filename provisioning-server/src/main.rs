//! `carillon-server`: the command line of the provisioning server.

fn main() -> std::process::ExitCode {
    carillon_server::cli::main()
}
