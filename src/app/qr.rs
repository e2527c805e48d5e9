//! Draws a text as a QR code: SVG and PNG for the panel, half blocks for a terminal.
//!
//! Invariant: pure. What is drawn is often a private key; nothing is kept or logged.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder, QRCode};
use zeroize::Zeroizing;

/// A QR code of some text.
pub struct Qr {
    code: Box<QRCode>,
}

impl Qr {
    /// A code for screens and paper. It repairs 15 % of damage where the text leaves room for that, else 7 %.
    ///
    /// # Errors
    /// [`TooLong`] past 2953 bytes, the limit of ISO/IEC 18004.
    pub fn new(text: &str) -> Result<Self, TooLong> {
        Self::build(text, ECL::M).or_else(|_| Self::build(text, ECL::L))
    }

    /// A code as small as can be, for a terminal: a screen's pixels do not get damaged, and its lines are few.
    ///
    /// # Errors
    /// [`TooLong`] past 2953 bytes, the limit of ISO/IEC 18004.
    pub fn smallest(text: &str) -> Result<Self, TooLong> {
        Self::build(text, ECL::L)
    }

    /// An SVG document. It has no size of its own: the page scales it.
    pub fn to_svg(&self) -> Zeroizing<String> {
        let size = self.size();
        let mut svg = Zeroizing::new(String::with_capacity(size * size * 8));
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d=""##
        );
        for y in 0..size {
            let mut x = 0;
            while x < size {
                let run = (x..size).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    let _ = write!(svg, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        svg.push_str(r#""/></svg>"#);
        svg
    }

    /// A black and white PNG, [`PIXELS_PER_MODULE`] pixels a square.
    ///
    /// # Errors
    /// [`PngError`] when the encoder refuses, which no QR code makes it do.
    pub fn to_png(&self) -> Result<Zeroizing<Vec<u8>>, PngError> {
        let size = self.size() * PIXELS_PER_MODULE;
        let width = u32::try_from(size).map_err(|_| PngError)?;
        let mut rows = Zeroizing::new(Vec::with_capacity(size.div_ceil(8) * size));
        for y in 0..size {
            for byte in 0..size.div_ceil(8) {
                let light =
                    |x: usize| x < size && !self.is_dark(x / PIXELS_PER_MODULE, y / PIXELS_PER_MODULE);
                rows.push((0..8).fold(0_u8, |bits, bit| bits << 1 | u8::from(light(byte * 8 + bit))));
            }
        }
        let mut file = Zeroizing::new(Vec::with_capacity(rows.len()));
        let mut encoder = png::Encoder::new(&mut *file, width, width);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().map_err(|_| PngError)?;
        writer.write_image_data(&rows).map_err(|_| PngError)?;
        writer.finish().map_err(|_| PngError)?;
        Ok(file)
    }

    /// Lines for a terminal, two rows of squares in each. Colours are set, so that it reads on any background.
    pub fn to_terminal(&self) -> Zeroizing<String> {
        let size = self.size();
        let mut text = Zeroizing::new(String::with_capacity(size * size * 2));
        for y in (0..size).step_by(2) {
            text.push_str(BLACK_ON_WHITE);
            for x in 0..size {
                // Below an odd last row there is only the quiet zone's light.
                text.push(match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                    (false, false) => ' ',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (true, true) => '█',
                });
            }
            text.push_str(RESET);
            text.push('\n');
        }
        text
    }

    /// Squares a side, the quiet zone included.
    pub fn size(&self) -> usize {
        self.code.size + 2 * QUIET_MODULES
    }

    fn build(text: &str, level: ECL) -> Result<Self, TooLong> {
        let mut builder = QRBuilder::new(text);
        builder.mode(fast_qr::Mode::Byte).ecl(level);
        let code = builder.build().map_err(|_| TooLong { size_bytes: text.len() })?;
        Ok(Self { code: Box::new(code) })
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = QUIET_MODULES..QUIET_MODULES + self.code.size;
        inside.contains(&x) && inside.contains(&y) && self.code[y - QUIET_MODULES][x - QUIET_MODULES].value()
    }
}

/// A text that fits no QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{size_bytes} bytes do not fit a QR code, which holds {LONGEST_BYTES}; use the file instead")]
pub struct TooLong {
    size_bytes: usize,
}

/// The PNG encoder refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("draw a QR code as PNG")]
pub struct PngError;

/// Pixels a side of each square in a PNG: large enough for any camera.
pub const PIXELS_PER_MODULE: usize = 8;
/// The light border that ISO/IEC 18004 asks for.
const QUIET_MODULES: usize = 4;
/// Bytes in the largest code, version 40 with the least correction.
const LONGEST_BYTES: usize = 2953;
const BLACK_ON_WHITE: &str = "\x1b[30;107m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_text_fits_and_one_more_byte_is_an_error() {
        assert_eq!(Qr::new(&"x".repeat(LONGEST_BYTES)).unwrap().size(), 177 + 8);
        assert_eq!(
            Qr::new(&"x".repeat(LONGEST_BYTES + 1)).err(),
            Some(TooLong { size_bytes: LONGEST_BYTES + 1 })
        );
    }

    #[test]
    fn border_is_light_on_every_side() {
        let qr = Qr::new("casper").unwrap();
        let size = qr.size();

        let dark = |x, y| qr.is_dark(x, y);
        for i in 0..size {
            for edge in (0..QUIET_MODULES).chain(size - QUIET_MODULES..size) {
                assert!(!dark(i, edge) && !dark(edge, i));
            }
        }
        assert!(dark(QUIET_MODULES, QUIET_MODULES));
    }

    #[test]
    fn svg_draws_every_dark_square_once() {
        let qr = Qr::new("casper").unwrap();
        let dark = (0..qr.size())
            .flat_map(|y| (0..qr.size()).map(move |x| (x, y)))
            .filter(|(x, y)| qr.is_dark(*x, *y));

        let svg = qr.to_svg();

        let drawn: usize = svg
            .split("v1h-")
            .skip(1)
            .map(|rest| rest[..rest.find('z').unwrap()].parse::<usize>().unwrap())
            .sum();
        assert_eq!(drawn, dark.count());
    }

    #[test]
    fn terminal_lines_are_as_wide_as_the_code() {
        let qr = Qr::smallest(&"x".repeat(360)).unwrap();

        let text = qr.to_terminal();

        assert!(qr.size() <= 80, "a usual configuration fits a terminal of 80 columns, not {}", qr.size());
        assert_eq!(text.lines().count(), qr.size().div_ceil(2));
        for line in text.lines() {
            let shown = line.strip_prefix(BLACK_ON_WHITE).and_then(|line| line.strip_suffix(RESET)).unwrap();
            assert_eq!(shown.chars().count(), qr.size());
        }
    }
}
