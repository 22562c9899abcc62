//! The `linecard` command.
fn main() {
    linecard_linux::cli::check::run(&mut std::io::stdout()).unwrap();
}
