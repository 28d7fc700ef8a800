/* The values of expressions, group keys and aggregates. */
#ifndef EV_EXPR_VALUE_H
#define EV_EXPR_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/decimal.h"
#include "base/slice.h"
#include "json/scan.h"

enum value_kind {
    VALUE_NULL, /* also what is missing */
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_NUMBER,
    VALUE_STRING,
    VALUE_TIME, /* an instant, µs; as a key, in output and in the total order its RFC 3339 text */
    VALUE_DURATION, /* µs; as a key, in output and in an aggregate a number of seconds */
    VALUE_JSON,     /* an object or array, its text: only `is null` and passing on know it */
};

struct value {
    enum value_kind kind;
    union {
        struct decimal number;
        struct slice text; /* STRING: unescaped UTF-8; JSON: as written */
        int64_t us;        /* TIME, DURATION */
    };
};

/* What kind a user calls it: "null", "true or false", "number", "string", "time", "duration",
 * ... */
const char *value_kind_name(enum value_kind k);

/* The value of a scanned field. Strings are borrowed from the text, or unescaped into scratch
 * (appended; the caller empties it per event; it may move when it grows, so reserve f->n bytes
 * before where earlier strings lie in it). EXIT_BAD_DATA: a number of 10^38 or more, a lone
 * surrogate escape. */
bool value_of_field(
    const struct json_field *f, struct buf *scratch, struct value *out, struct err *e);

/* The total order: null < false < true < numbers < strings. Objects and arrays do not come here. */
int value_cmp(const struct value *a, const struct value *b);

/* Canonical JSON. */
void value_write(struct buf *out, const struct value *v);

/* ---- keys: bytes that memcmp orders by the total order, equal for equal values (1 and 1.0) ----
 * No key is a prefix of another, so the keys of several values can stand one behind the other. */

/* Appends. EXIT_BAD_DATA: an object or array is no key. */
bool key_add(struct buf *key, const struct value *v, struct err *e);
/* The same straight from a scanned field, the hot path of --by. */
bool key_add_field(struct buf *key, const struct json_field *f, struct buf *scratch, struct err *e);
/* Reads the first value of *key and moves on. Strings are decoded into scratch (appended), which
 * does not move between the values of one key. */
void key_next(struct slice *key, struct buf *scratch, struct value *out);

#endif
