//! A blueprint as a drawing: columns by distance from the receivers, nodes in them ordered so that edges cross little.
//! An edge that passes a column without ending there has a place of its own in it, so that no line runs through a box.

use super::{Blueprint, EdgePlan, NodePlan, Role};
use forebay_core::NodeId;
use std::collections::HashMap;
use std::fmt::Write as _;

const BOX_HEIGHT: f64 = 44.0;
const ROW: f64 = 72.0;
const GAP: f64 = 170.0;
const MARGIN: f64 = 24.0;
/// The width of one character of the two fonts used, about.
const NAME_CHARACTER: f64 = 8.4;
const KIND_CHARACTER: f64 = 6.6;
const BOX_WIDTH_MIN: f64 = 110.0;
/// How often the order is improved. More changes little.
const ROUNDS: usize = 12;
/// Above so many slots swaps are not tried one by one: their cost grows with the cube of it.
const SWAPPED_MAX: usize = 150;

/// Something with a place in a column: a node, or an edge that passes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Slot {
    Node(NodeId),
    Passing(usize, usize),
}

/// Where everything goes.
struct Layout<'a> {
    plan: &'a Blueprint,
    columns: Vec<Vec<Slot>>,
    /// For each edge the slots that it connects, its ends included.
    chains: Vec<Vec<Slot>>,
}

impl Blueprint {
    /// The graph as an SVG drawing, readable on light and dark ground.
    pub fn to_svg(&self) -> String {
        let mut layout = Layout::new(self);
        layout.put_in_order();
        layout.draw()
    }
}

impl<'a> Layout<'a> {
    fn new(plan: &'a Blueprint) -> Self {
        let depths = plan.depths();
        let depth = |id: NodeId| depths.get(usize::from(id.0)).copied().unwrap_or(0);
        let deepest = depths.iter().copied().max().unwrap_or(0);
        // Exporters end the drawing, all in one column.
        let column = |id: NodeId| match plan.node(id).map(|node| node.role) {
            Some(Role::Exporter) => deepest,
            _ => depth(id),
        };
        let mut columns = vec![Vec::new(); deepest + 1];
        let mut put = |at: usize, slot: Slot| {
            if let Some(column) = columns.get_mut(at) {
                column.push(slot);
            }
        };
        for id in &plan.order {
            put(column(*id), Slot::Node(*id));
        }
        let mut chains = Vec::new();
        for (index, edge) in plan.edges.iter().enumerate() {
            let mut chain = vec![Slot::Node(edge.from)];
            for at in column(edge.from) + 1..column(edge.to) {
                put(at, Slot::Passing(index, at));
                chain.push(Slot::Passing(index, at));
            }
            chain.push(Slot::Node(edge.to));
            chains.push(chain);
        }
        Layout {
            plan,
            columns,
            chains,
        }
    }

    /// Orders each column so that few edges cross, and keeps the best order that it came by.
    fn put_in_order(&mut self) {
        let mut best = (self.crossings(), self.columns.clone());
        for round in 0..ROUNDS {
            self.sort_by_neighbours(round % 2 == 0);
            // Every other round also takes swaps that gain nothing: they lead out of dead ends.
            self.swap_neighbours(round % 4 < 2);
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    /// Sorts each column by the mean row of its neighbours: the barycentre heuristic of Sugiyama's method.
    fn sort_by_neighbours(&mut self, forth: bool) {
        for step in 0..self.columns.len() {
            let at = if forth {
                step
            } else {
                self.columns.len() - 1 - step
            };
            let rows = self.rows();
            let mean = |slot: &Slot| (self.mean_of_neighbours(slot, &rows), *slot);
            let Some(column) = self.columns.get(at) else {
                continue;
            };
            let mut sorted: Vec<(f64, Slot)> = column.iter().map(mean).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let Some(column) = self.columns.get_mut(at) {
                *column = sorted.into_iter().map(|(_, slot)| slot).collect();
            }
        }
    }

    /// Swaps two that stand one above the other where fewer edges cross then.
    fn swap_neighbours(&mut self, even_for_nothing: bool) {
        if self.columns.iter().map(Vec::len).sum::<usize>() > SWAPPED_MAX {
            return;
        }
        let mut crossings = self.crossings();
        for at in 0..self.columns.len() {
            let rows = self.columns.get(at).map_or(0, Vec::len);
            for row in 1..rows {
                self.swap(at, row);
                let now = self.crossings();
                if now < crossings || (even_for_nothing && now == crossings) {
                    crossings = now;
                } else {
                    self.swap(at, row);
                }
            }
        }
    }

    fn swap(&mut self, column: usize, row: usize) {
        if let Some(column) = self.columns.get_mut(column)
            && row < column.len()
        {
            column.swap(row - 1, row);
        }
    }

    /// How many pairs of edges cross.
    fn crossings(&self) -> usize {
        let rows = self.rows();
        let column_of: HashMap<Slot, usize> = self
            .columns
            .iter()
            .enumerate()
            .flat_map(|(at, column)| column.iter().map(move |slot| (*slot, at)))
            .collect();
        let pieces: Vec<(usize, f64, f64)> = self
            .chains
            .iter()
            .flat_map(|chain| chain.windows(2))
            .filter_map(|pair| match pair {
                [a, b] => Some((*column_of.get(a)?, *rows.get(a)?, *rows.get(b)?)),
                _ => None,
            })
            .collect();
        let crosses = |(at, a, b): &(usize, f64, f64), (other_at, c, d): &(usize, f64, f64)| {
            at == other_at && (a - c) * (b - d) < 0.0
        };
        let after = |index: usize| pieces.iter().skip(index + 1);
        pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| after(index).filter(|other| crosses(piece, other)).count())
            .sum()
    }

    /// The row of each slot, columns centred.
    fn rows(&self) -> HashMap<Slot, f64> {
        let tallest = self.columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut rows = HashMap::new();
        for column in &self.columns {
            let above = (tallest - column.len()) as f64 / 2.0;
            for (index, slot) in column.iter().enumerate() {
                rows.insert(*slot, above + index as f64);
            }
        }
        rows
    }

    fn mean_of_neighbours(&self, slot: &Slot, rows: &HashMap<Slot, f64>) -> f64 {
        let pairs = self.chains.iter().flat_map(|chain| chain.windows(2));
        let neighbours = pairs.filter_map(|pair| match pair {
            [a, b] if a == slot => rows.get(b),
            [a, b] if b == slot => rows.get(a),
            _ => None,
        });
        let (sum, count) = neighbours.fold((0.0, 0.0), |(sum, count), row| (sum + row, count + 1.0));
        if count > 0.0 {
            sum / count
        } else {
            rows.get(slot).copied().unwrap_or(0.0)
        }
    }

    /// The left edge of each column, and where the last one ends.
    fn lefts(&self) -> (Vec<f64>, Vec<f64>, f64) {
        let (mut lefts, mut widths, mut x) = (Vec::new(), Vec::new(), MARGIN);
        for column in &self.columns {
            let width = column
                .iter()
                .map(|slot| match slot {
                    Slot::Node(id) => self.plan.node(*id).map_or(BOX_WIDTH_MIN, box_width),
                    Slot::Passing(..) => BOX_WIDTH_MIN,
                })
                .fold(BOX_WIDTH_MIN, f64::max);
            lefts.push(x);
            widths.push(width);
            x += width + GAP;
        }
        (lefts, widths, x - GAP + MARGIN)
    }

    fn draw(&self) -> String {
        let (lefts, widths, width) = self.lefts();
        let rows = self.rows();
        let tallest = self.columns.iter().map(Vec::len).max().unwrap_or(0);
        let height = tallest as f64 * ROW + 2.0 * MARGIN;
        let mut places = HashMap::new();
        for ((column, left), width) in self.columns.iter().zip(&lefts).zip(&widths) {
            for slot in column {
                let y = MARGIN + (rows.get(slot).copied().unwrap_or(0.0) + 0.5) * ROW;
                places.insert(*slot, (*left, *left + *width, y));
            }
        }
        let mut out = head(width, height);
        for (edge, chain) in self.plan.edges.iter().zip(&self.chains) {
            self.edge(&mut out, edge, chain, &places);
        }
        for (index, node) in self.plan.nodes.iter().enumerate() {
            let slot = Slot::Node(NodeId(u16::try_from(index).unwrap_or(u16::MAX)));
            if let Some(place) = places.get(&slot) {
                draw_node(&mut out, node, *place);
            }
        }
        out + "</svg>\n"
    }

    fn edge(
        &self,
        out: &mut String,
        edge: &EdgePlan,
        chain: &[Slot],
        places: &HashMap<Slot, (f64, f64, f64)>,
    ) {
        let mut ways = chain.iter().filter_map(|slot| places.get(slot));
        let Some((_, mut x, mut y)) = ways.next().copied() else {
            return;
        };
        let first = (x, y);
        let mut path = format!("M{x:.0},{y:.0}");
        let mut second = None;
        // Writing to a string cannot fail, here and below.
        for (left, right, next) in ways.copied() {
            let bend = (left - x) / 2.0;
            let _ = write!(
                path,
                " C{:.0},{y:.0} {:.0},{next:.0} {left:.0},{next:.0}",
                x + bend,
                left - bend
            );
            second.get_or_insert((left, next));
            if Some(&(left, right, next)) != chain.last().and_then(|slot| places.get(slot)) {
                let _ = write!(path, " L{right:.0},{next:.0}");
            }
            (x, y) = (right, next);
        }
        let _ = writeln!(
            out,
            "<path class=\"edge\" d=\"{path}\" marker-end=\"url(#arrow)\"/>"
        );
        let (left, next) = second.unwrap_or(first);
        // Two thirds of the way, where edges that leave one box have parted.
        let (x, y) = (
            first.0 + (left - first.0) * 0.62,
            first.1 + (next - first.1) * 0.68,
        );
        let label = escaped(&self.plan.port_and_signals(edge));
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"{x:.0}\" y=\"{:.0}\">{label}</text>",
            y - 5.0
        );
    }
}

fn box_width(node: &NodePlan) -> f64 {
    let name = node.name.chars().count() as f64 * NAME_CHARACTER;
    let kind = node.kind.chars().count() as f64 * KIND_CHARACTER;
    name.max(kind) + 28.0
}

fn head(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <style>\n\
         text {{ font-family: ui-monospace, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; text-anchor: middle; \
         fill: #1b2733; }}\n\
         .name {{ font-size: 14px; font-weight: bold; }}\n\
         .kind {{ font-size: 11px; }}\n\
         .label {{ font-size: 10.5px; paint-order: stroke; stroke: #fff; stroke-width: 4px; }}\n\
         .edge {{ fill: none; stroke: #5b6b7a; stroke-width: 1.6px; }}\n\
         rect {{ stroke-width: 1.5px; }}\n\
         .receiver {{ fill: #d8ecff; stroke: #2f7ec2; }}\n\
         .processor {{ fill: #f2f4f6; stroke: #6b7885; }}\n\
         .exporter {{ fill: #dff3e0; stroke: #3c8f48; }}\n\
         </style>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0,0 L10,5 L0,10 z\" fill=\"#5b6b7a\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    )
}

fn draw_node(out: &mut String, node: &NodePlan, (left, right, y): (f64, f64, f64)) {
    let middle = f64::midpoint(left, right);
    let _ = writeln!(
        out,
        "<rect class=\"{}\" x=\"{left:.0}\" y=\"{:.0}\" width=\"{:.0}\" height=\"{BOX_HEIGHT:.0}\" rx=\"8\"/>\n\
         <text class=\"name\" x=\"{middle:.0}\" y=\"{:.0}\">{}</text>\n\
         <text class=\"kind\" x=\"{middle:.0}\" y=\"{:.0}\">{}</text>",
        node.role.as_str(),
        y - BOX_HEIGHT / 2.0,
        right - left,
        y - 3.0,
        escaped(&node.name),
        y + 13.0,
        escaped(node.kind),
    );
}

/// Text with what XML escapes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
