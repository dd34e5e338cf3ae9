//! From tesseract's table of words to the words of a page.

use super::words::Word;

/// Words with a lower confidence (0 to 100) are specks and ornaments as often as text.
const CONFIDENCE: f32 = 20.0;

/// The words of tesseract's TSV for a page drawn at `dpi` and `height` dots high. Rows that cannot be parsed are skipped.
#[must_use]
pub fn words(tsv: &str, dpi: f32, height: usize) -> Vec<Word> {
    let scale = 72.0 / dpi;
    let mut words: Vec<(u64, Word)> = Vec::new();
    for line in tsv.lines() {
        let fields: Vec<&str> = line.splitn(12, '\t').collect();
        let [level, _, block, paragraph, row, _, left, top, width, tall, confidence, text] = fields[..]
        else {
            continue;
        };
        let number = |text: &str| text.trim().parse::<f32>().ok();
        let text = text.trim();
        if level != "5" || text.is_empty() || number(confidence).is_none_or(|c| c < CONFIDENCE) {
            continue;
        }
        let (Some(left), Some(top), Some(width), Some(tall)) =
            (number(left), number(top), number(width), number(tall))
        else {
            continue;
        };
        let key = [block, paragraph, row]
            .iter()
            .fold(0u64, |key, part| key * 10_000 + part.parse::<u64>().unwrap_or(0));
        let y = (height as f32 - top - tall) * scale;
        let word = Word {
            text: text.to_owned(),
            x0: left * scale,
            x1: (left + width) * scale,
            y,
            em: tall * scale,
            font: 0,
            glued: false,
            raised: false,
        };
        words.push((key, word));
    }
    // A word's box depends on its letters. Baseline and size are those of the line, from its words without descenders.
    let mut start = 0;
    while start < words.len() {
        let end = start + words[start..].iter().take_while(|(key, _)| *key == words[start].0).count();
        let line = &mut words[start..end];
        let flat = |word: &&(u64, Word)| {
            !word.1.text.contains(['g', 'j', 'p', 'q', 'y', 'ș', 'ț', 'ş', 'ţ', ',', ';', '„', 'Q'])
        };
        let mut bottoms: Vec<f32> = line.iter().filter(flat).map(|(_, word)| word.y).collect();
        if bottoms.is_empty() {
            bottoms = line.iter().map(|(_, word)| word.y + 0.2 * word.em).collect();
        }
        let mut sizes: Vec<f32> = line.iter().map(|(_, word)| word.em).collect();
        let (y, em) =
            (median(&mut bottoms), sizes.iter().copied().fold(0.0, f32::max).min(2.0 * median(&mut sizes)));
        for (_, word) in line {
            (word.y, word.em) = (y, em);
        }
        start = end;
    }
    let mut words: Vec<Word> = words.into_iter().map(|(_, word)| word).collect();
    // Lines of the same type have boxes that differ by a few dots; they must not count as another font.
    let mut sizes: Vec<f32> = words.iter().map(|word| word.em).collect();
    let usual = median(&mut sizes);
    for word in &mut words {
        if (word.em - usual).abs() < 0.25 * usual {
            word.em = usual;
        }
    }
    words
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_get_the_baseline_of_their_line() {
        let tsv = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
                   4\t1\t1\t1\t1\t0\t100\t100\t500\t50\t-1\t\n\
                   5\t1\t1\t1\t1\t1\t100\t100\t90\t50\t95.1\tpoveşti\n\
                   5\t1\t1\t1\t1\t2\t200\t102\t90\t38\t91\tdin\n\
                   5\t1\t1\t1\t1\t3\t300\t102\t9\t38\t3\t~\nbroken";
        let words = words(tsv, 300.0, 1000);
        assert_eq!(words.len(), 2);
        assert!(words.iter().all(|word| (word.y - (1000.0 - 140.0) * 0.24).abs() < 0.01));
        assert_eq!(words[0].text, "poveşti");
    }
}
