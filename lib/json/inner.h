/* Inside lib/json only: what the scanner's parts share.
 *
 *   scan.c                 the scanner's life, what is wanted, errors
 *   core.h                 the code that reads text; scan_avx2.c and scan_portable.c compile it over
 *                          primitives that look at a block of bytes at once
 *   shapes.c               the templates: how the shapes of lines are remembered
 * value.c walk.c path.c  the rest, off the hot path */
#ifndef EV_JSON_INNER_H
#define EV_JSON_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "json/scan.h"

/* What is wanted, as a tree of steps: node 0 is the root value, a child is one key or index
 * deeper. */
struct want {
    struct json_step step; /* owned */
    int index;             /* in `out`, or -1 */
    int child, sibling;    /* nodes; 0 is none */
    uint64_t key_lengths;  /* bit n % 64 is set where a child's key has n bytes */
    uint64_t seen;         /* the scan that met it last: a second time is a duplicate key */
};

struct frame {
    struct want *node; /* of an open container, NULL where nothing in it is wanted */
    long index;        /* of an array's current element */
};

/* The shapes of lines, as a tree: a node is a literal text (punctuation, keys, white space) and
 * then a scalar value, or the end of the line, or more literal text. What may follow is a chain
 * of alternatives. Lines that differ late share their beginning, so a mismatch never starts
 * over. By JSON's grammar a text can be cut into literals and values in one way only, and how a
 * literal is cut into nodes depends on nothing else; so at most one alternative fits, and no
 * choice is taken back.
 *
 * The literal behind a value begins with the value's last byte: a quote, which closes a string; of
 * any other value it is skipped. The literal of a SHAPE_VALUE is followed by a quote, which does
 * not count in literal_n. So one comparison sees the end of a string, what is between, and the
 * beginning of the next string. */
enum { LITERAL_MAX = 31 };
enum shape_kind { SHAPE_VALUE, SHAPE_MORE, SHAPE_END };

struct shape {
    char literal[LITERAL_MAX + 1];
    uint32_t next;  /* the first of what may follow */
    uint32_t other; /* the next alternative to this node; 0 is none */
    int32_t want;   /* the value's index in `out`, or -1 */
    uint32_t marks; /* not of SHAPE_VALUE; position in shapes.marks, 0 is none */
    uint8_t kind;
    uint8_t literal_n; /* SHAPE_MORE: LITERAL_MAX, or less where it has marks */
    uint8_t width;     /* of the value without quotes, the last time; 0: do not guess */
    uint8_t misjudged;
    uint8_t mixed;   /* how often a short string had escapes or was not ASCII; up to MIXED */
    char unused[11]; /* a cache line each */
};

/* What is found where a shape's literal should be. */
enum lead { LEAD_DIFFERS, LEAD_QUOTE, LEAD_OTHER };

enum { MAX_MISJUDGED = 250, MIXED = 8 };

/* What else a literal means: a wanted object or array begins or ends in it, or (where the line
 * ends) a field is missing in this shape. */
struct mark {
    enum { MARK_BEGIN, MARK_END, MARK_MISSING } what;
    bool last;  /* of its literal */
    uint8_t at; /* the byte of the literal */
    int32_t want;
};

struct shapes {
    struct shape *nodes; /* from 1 */
    struct mark *marks;  /* from 1 */
    uint32_t n, n_marks, nodes_cap, marks_cap;
    uint32_t first; /* the alternatives for a line's beginning */
    /* Whether trying pays is measured, see shapes.c. */
    uint32_t windows, tried, hit, learned;
    uint32_t rest;   /* lines that are not tried */
    unsigned failed; /* windows in a row that did not pay */
};

/* A string as a block of bytes shows it. */
struct quoted {
    size_t n;     /* its bytes; BLOCK: look closer */
    bool escaped; /* it has a backslash */
    bool check;   /* block_valid() must look at it */
};
enum { MAX_UNCHECKED = 32 };

struct engine {
    const char *name;
    bool (*text)(struct json_scanner *s, struct slice text, const char *limit,
        struct json_field *out, struct err *e);
    const char *(*line)(
        struct shapes *t, const char *p, const char *end, struct json_field *out, size_t *text_n);
};
extern const struct engine json_engine_portable, json_engine_avx2;

struct json_scanner {
    const struct engine *engine;
    int max_depth;
    uint64_t *is_object;  /* a bit for each open container */
    struct frame *frames; /* of the outer containers, as deep as paths go; [0] is unused */
    int n_frames;
    struct want *wants;
    int n_wants, n_fields;
    uint64_t scans;
    bool repeated;  /* the text had a wanted key twice */
    struct buf key; /* unescaped */
    struct shapes shapes;
    const char *missed; /* the line that json_scan_line() tried last, in vain */
};

/* The child of node for a key, as it is written; NULL where nothing in it is wanted. If this
 * scan has met it before, its fields go back to missing. */
struct want *want_known_key(struct json_scanner *s, struct want *node, struct slice key,
    bool escaped, struct json_field *out);
static inline struct want *want_key(struct json_scanner *s, struct want *node, struct slice key,
    bool escaped, struct json_field *out) {
    if (!escaped && !(node->key_lengths >> key.n % 64 & 1)) return NULL;
    return want_known_key(s, node, key, escaped, out);
}
struct want *want_index(struct json_scanner *s, const struct want *node, long index);

/* Fills e and returns false. at is where it went wrong, expected what should be there. */
bool scan_expected(struct err *e, struct slice text, const char *at, const char *expected);
bool scan_bad_string(struct err *e, struct slice text, const char *at);
bool scan_too_deep(struct err *e, int max_depth);

enum { SHAPE_TRIES = 256 };
void shapes_judge(struct shapes *t);

/* False while trying does not pay. */
static inline bool shapes_try(struct shapes *t) {
    if (t->rest == 0) return true;
    t->rest--;
    return false;
}

/* Takes note of the outcome. */
static inline void shapes_tried(struct shapes *t, bool hit) {
    t->hit += hit;
    if (++t->tried == SHAPE_TRIES) shapes_judge(t);
}

/* Remembers the shape of a line that json_scan() has accepted with these fields. */
void shapes_learn(struct shapes *t, struct slice text, const struct json_field *fields, int n);
void shapes_free(struct shapes *t);

/* Length of the UTF-8 sequence at p (n > 0 bytes are there) by Unicode's table 3-7; 0: none. */
static inline size_t utf8_length(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    unsigned char c = p[0], low = 0x80, high = 0xBF;
    if (c < 0x80) return 1;
    size_t length = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c < 0xC2 || c > 0xF4 || n < length) return 0;
    if (c == 0xE0) low = 0xA0;
    if (c == 0xED) high = 0x9F;
    if (c == 0xF0) low = 0x90;
    if (c == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    return length;
}

static inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Is it an escape behind a backslash? With 'u' more is needed. */
static inline bool is_short_escape(char c) {
    switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    default: return false;
    }
}

static inline bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

/* What kind of value begins so; JSON_MISSING: none. */
static inline enum json_kind kind_of(char first) {
    switch (first) {
    case '"': return JSON_STRING;
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case 't': return JSON_TRUE;
    case 'f': return JSON_FALSE;
    case 'n': return JSON_NULL;
    default: return first == '-' || is_digit(first) ? JSON_NUMBER : JSON_MISSING;
    }
}

/* ---- over text that was accepted ---- */

/* From an opening quote to behind the closing one. */
static inline const char *past_string(const char *p, bool *escaped) {
    *escaped = false;
    for (p++; *p != '"'; p++)
        if (*p == '\\') {
            *escaped = true;
            p++;
        }
    return p + 1;
}

/* Behind a number, true, false or null that begins at p. */
static inline const char *past_word(const char *p, const char *end) {
    while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_space(*p)) p++;
    return p;
}

#endif
