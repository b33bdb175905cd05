//! Prints the description of the API. `web/openapi.json` is what it prints; the page's types are made of that.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", dsiem_frontend::openapi_json())
}
