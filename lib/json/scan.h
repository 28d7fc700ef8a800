/* The scanner: is a text JSON by RFC 8259, and where do the wanted fields lie in it?
 *
 * It accepts and rejects exactly what RFC 8259 says: UTF-8 is checked (no overlong forms, no
 * surrogates, nothing over U+10FFFF), escapes are checked (a lone surrogate escape is
 * grammatical and passes; a value that holds one cannot be unescaped, see json/value.h), numbers
 * may have any length, nesting is limited to max_depth. It copies nothing and never reads at or
 * behind `limit`.
 *
 * Machine-made lines repeat: the same keys in the same order. So the scanner keeps the literal
 * text between the scalar values of recent lines as templates. A line that matches one is
 * checked by comparing the literals and checking only the values; any other line takes the
 * general path, which checks everything and may leave a new template. Both paths accept the same
 * texts and find the same fields. */
#ifndef EV_JSON_SCAN_H
#define EV_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "json/path.h"

enum json_kind {
    JSON_MISSING = 0,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_OBJECT,
    JSON_ARRAY,
};

/* A value in the text. Borrows the text that was scanned. */
struct json_field {
    const char *p; /* first byte; of a string, the byte behind the opening quote */
    uint32_t n;    /* bytes; of a string, without the quotes */
    uint8_t kind;  /* enum json_kind; p is NULL and n 0 when JSON_MISSING */
    bool escaped;  /* a string with a backslash in it */
};

static inline struct slice json_slice(const struct json_field *f) {
    return (struct slice){f->p, f->n};
}

struct json_scanner;

/* max_depth: 1,024 is the default everywhere. */
struct json_scanner *json_scanner_new(int max_depth);
void json_scanner_free(struct json_scanner *s);

/* Wants the value at a path; call before the first scan. Returns its index in `out` below; the
 * same path gives the same index. Keys compare after unescaping; of duplicate keys the last
 * counts as a whole (of {"a":{"b":1},"a":2}, a.b is missing). [i] counts from 0. Copies the
 * path. */
int json_want(struct json_scanner *s, const struct json_path *path);
int json_wanted(const struct json_scanner *s); /* how many */

/* Scans the JSON value that fills text; white space around it is allowed, anything else is an
 * error. [text.p, limit) is readable, limit >= text.p + text.n. out has json_wanted() entries,
 * all are set. False: *e says what is wrong and at which byte, counted from 1 (e.g. `byte 17:
 * expected ':' after a key, found '}'`), code EXIT_BAD_DATA. */
bool json_scan(struct json_scanner *s, struct slice text, const char *limit, struct json_field *out,
    struct err *e);

/* The fast lane for a block of lines. If the line that begins at p matches a template, sets out
 * and returns the position of its '\n' ('\r' before it is allowed and not part of the line:
 * *text_n is the length without either); else NULL, which says nothing about the line (out may
 * be half set): find its end and call json_scan() on it where it lies, which may remember its
 * shape. end[-1] is '\n'; behind `end` are JSON_SLACK zeros, or bytes of any kind and then
 * JSON_SLACK zeros. Only objects have templates. */
enum { JSON_SLACK = 64 };
const char *json_scan_line(
    struct json_scanner *s, const char *p, const char *end, struct json_field *out, size_t *text_n);

/* "avx2" or "portable": decided when a scanner is made, by the processor; EV_CPU=portable in the
 * environment forces the second. */
const char *json_scan_engine(void);

/* ---- walking, off the hot path: over text that json_scan() has accepted ---- */

/* The members of the object or the elements of the array `of`, in order: start with {0} in *at;
 * false at the end. key is empty for arrays, and as written (escapes and all, no quotes) for
 * objects. */
struct json_walk {
    const char *p;
};
bool json_next(const struct json_field *of, struct json_walk *at, struct json_field *key,
    struct json_field *value);

#endif
