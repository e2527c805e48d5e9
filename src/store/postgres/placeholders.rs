//! Turns `?1` into `$1`, once per statement.
//!
//! Invariant: quoted text, quoted names and comments are left as they are.

use std::collections::HashMap;
use std::rc::Rc;

/// Statements remembered per thread; built filters make a few dozen forms, not thousands.
const REMEMBERED: usize = 1024;

/// Rewritten statements by their original text.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    rewritten: HashMap<Box<str>, Rc<str>>,
}

impl Placeholders {
    /// The statement in PostgreSQL's form.
    pub(super) fn rewrite(&mut self, sql: &str) -> Rc<str> {
        if let Some(known) = self.rewritten.get(sql) {
            return Rc::clone(known);
        }
        if self.rewritten.len() >= REMEMBERED {
            self.rewritten.clear();
        }
        let rewritten: Rc<str> = dollars(sql).into();
        self.rewritten.insert(sql.into(), Rc::clone(&rewritten));
        rewritten
    }
}

fn dollars(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut quote = None;
    let mut comment = false;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if comment => comment = c != '\n',
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '-' && chars.peek() == Some(&'-') => comment = true,
            None if c == '?' && chars.peek().is_some_and(char::is_ascii_digit) => {
                out.push('$');
                continue;
            }
            None => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_question_marks_become_dollars() {
        assert_eq!(
            dollars("SELECT a FROM t WHERE b = ?1 AND c > ?12"),
            "SELECT a FROM t WHERE b = $1 AND c > $12"
        );
    }

    #[test]
    fn quoted_text_and_comments_stay() {
        let sql = "SELECT '?1 it''s ?2', \"?3\" -- ?4 don't\nFROM t WHERE x = ?5 AND y LIKE '%?'";

        assert_eq!(
            dollars(sql),
            "SELECT '?1 it''s ?2', \"?3\" -- ?4 don't\nFROM t WHERE x = $5 AND y LIKE '%?'"
        );
    }
}
