//! A workstation driven by JSON lines: for scripts, load tests and the lab.

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("typescript") {
        print!("{}", workstation::typescript::contract());
        return Ok(());
    }
    anyhow::bail!("not yet")
}
