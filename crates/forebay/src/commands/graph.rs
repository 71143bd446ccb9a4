//! `forebay graph`: the graph of a config as text or drawing.

use crate::cli::{Exit, GraphArgs, GraphFormat};
use crate::out::{Out, show};
use crate::plan::plan;

pub(crate) fn graph(args: &GraphArgs, out: Out) -> Exit {
    let plan = plan(&args.config.inputs());
    show(&plan.found);
    let Some(blueprint) = plan.blueprint else {
        return Exit::Config;
    };
    let text = match args.format {
        GraphFormat::Text => blueprint.to_text(),
        GraphFormat::Dot => blueprint.to_dot(),
        GraphFormat::Mermaid => blueprint.to_mermaid(),
        GraphFormat::Svg => blueprint.to_svg(),
    };
    out.print(&text, Exit::Done)
}
