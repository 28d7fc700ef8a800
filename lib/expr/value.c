#include "expr/value.h"

#include "base/timestamp.h"
#include "json/value.h"

const char *value_kind_name(enum value_kind k) {
    static const char *const names[] = {
        [VALUE_NULL] = "null",
        [VALUE_FALSE] = "true or false",
        [VALUE_TRUE] = "true or false",
        [VALUE_NUMBER] = "number",
        [VALUE_STRING] = "string",
        [VALUE_TIME] = "time",
        [VALUE_DURATION] = "duration",
        [VALUE_JSON] = "object or array",
    };
    return names[k];
}

static bool number_of_field(const struct json_field *f, struct decimal *out, struct err *e) {
    if (decimal_parse(json_slice(f), out)) return true;
    return err_set(e, EXIT_BAD_DATA, "a number of 10^38 or more: %s", QUOTED(json_slice(f)));
}

static bool unescape(const struct json_field *f, struct buf *out, struct err *e) {
    if (json_unescape(json_slice(f), out)) return true;
    return err_set(
        e, EXIT_BAD_DATA, "half of a surrogate pair is no text: %s", QUOTED(json_slice(f)));
}

static bool text_of_field(
    const struct json_field *f, struct buf *scratch, struct value *out, struct err *e) {
    out->kind = VALUE_STRING;
    out->text = json_slice(f);
    if (!f->escaped) return true;
    size_t from = scratch->n;
    if (!unescape(f, scratch, e)) return false;
    out->text = (struct slice){scratch->p + from, scratch->n - from};
    return true;
}

bool value_of_field(
    const struct json_field *f, struct buf *scratch, struct value *out, struct err *e) {
    switch ((enum json_kind)f->kind) {
    case JSON_MISSING:
    case JSON_NULL: out->kind = VALUE_NULL; return true;
    case JSON_FALSE: out->kind = VALUE_FALSE; return true;
    case JSON_TRUE: out->kind = VALUE_TRUE; return true;
    case JSON_NUMBER: out->kind = VALUE_NUMBER; return number_of_field(f, &out->number, e);
    case JSON_STRING: return text_of_field(f, scratch, out, e);
    case JSON_OBJECT:
    case JSON_ARRAY: break;
    }
    out->kind = VALUE_JSON;
    out->text = json_slice(f);
    return true;
}

/* The forms that the total order, keys and output know: a time is its text, a duration its
 * seconds. */
static struct decimal number_form(const struct value *v) {
    if (v->kind == VALUE_NUMBER) return v->number;
    return (struct decimal){.small = v->us, .scale = 6};
}

static struct slice text_form(const struct value *v, char room[TIME_TEXT_MAX]) {
    if (v->kind == VALUE_TIME) return (struct slice){room, time_write(room, v->us)};
    return v->text;
}

enum rank { RANK_NULL, RANK_FALSE, RANK_TRUE, RANK_NUMBER, RANK_TEXT };

static enum rank rank_of(const struct value *v) {
    static const unsigned char ranks[] = {
        [VALUE_NULL] = RANK_NULL,
        [VALUE_FALSE] = RANK_FALSE,
        [VALUE_TRUE] = RANK_TRUE,
        [VALUE_NUMBER] = RANK_NUMBER,
        [VALUE_STRING] = RANK_TEXT,
        [VALUE_TIME] = RANK_TEXT,
        [VALUE_DURATION] = RANK_NUMBER,
        [VALUE_JSON] = RANK_TEXT,
    };
    return ranks[v->kind];
}

int value_cmp(const struct value *a, const struct value *b) {
    enum rank rank = rank_of(a);
    if (rank != rank_of(b)) return rank < rank_of(b) ? -1 : 1;
    if (rank == RANK_NUMBER) {
        struct decimal x = number_form(a), y = number_form(b);
        return decimal_cmp(&x, &y);
    }
    if (rank < RANK_NUMBER) return 0;
    char x[TIME_TEXT_MAX], y[TIME_TEXT_MAX];
    return slice_cmp(text_form(a, x), text_form(b, y));
}

void value_write(struct buf *out, const struct value *v) {
    char room[TIME_TEXT_MAX];
    struct decimal number;
    switch (v->kind) {
    case VALUE_NULL: buf_adds(out, "null"); return;
    case VALUE_FALSE: buf_adds(out, "false"); return;
    case VALUE_TRUE: buf_adds(out, "true"); return;
    case VALUE_NUMBER:
    case VALUE_DURATION:
        number = number_form(v);
        decimal_write(out, &number);
        return;
    case VALUE_STRING:
    case VALUE_TIME: json_write_string(out, text_form(v, room)); return;
    case VALUE_JSON: buf_add_slice(out, v->text); return;
    }
}

/* ---- keys ----
 *
 *     null 01 | false 02 | true 03 | number 04, decimal_key()
 *     string 05, its bytes with 00 as 00 FF, 00 00
 *
 * 00 00 sorts below every byte that can follow, 00 FF included, so a prefix comes first. */

enum { TAG_NULL = 1, TAG_FALSE, TAG_TRUE, TAG_NUMBER, TAG_STRING };

static inline void key_add_number(struct buf *key, const struct decimal *d) {
    unsigned char *p = (unsigned char *)buf_reserve(key, 1 + DECIMAL_KEY_MAX);
    *p = TAG_NUMBER;
    key->n += 1 + decimal_key(d, p + 1);
}

/* memcpy(), which costs more than the rest of a key, without the call for the lengths that ids
 * have. */
static inline void copy_short(char *to, const char *from, size_t n) {
    if (n >= 8 && n <= 16) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4 && n < 8) {
        memcpy(to, from, 4);
        memcpy(to + n - 4, from + n - 4, 4);
    } else if (n) {
        memcpy(to, from, n);
    }
}

/* s holds no NUL. */
static inline void key_add_plain(struct buf *key, struct slice s) {
    char *p = buf_reserve(key, s.n + 3);
    p[0] = TAG_STRING;
    copy_short(p + 1, s.p, s.n);
    p[s.n + 1] = p[s.n + 2] = 0;
    key->n += s.n + 3;
}

static void key_add_text(struct buf *key, struct slice s) {
    if (!s.n || !memchr(s.p, 0, s.n)) {
        key_add_plain(key, s);
        return;
    }
    buf_addc(key, TAG_STRING);
    for (size_t i = 0; i < s.n; i++) {
        buf_addc(key, s.p[i]);
        if (!s.p[i]) buf_addc(key, (char)0xFF);
    }
    buf_add(key, "\0\0", 2);
}

static bool no_key(struct err *e) {
    return err_set(e, EXIT_BAD_DATA, "an object or array is no key");
}

bool key_add(struct buf *key, const struct value *v, struct err *e) {
    char room[TIME_TEXT_MAX];
    struct decimal number;
    switch (rank_of(v)) {
    case RANK_NULL: buf_addc(key, TAG_NULL); return true;
    case RANK_FALSE: buf_addc(key, TAG_FALSE); return true;
    case RANK_TRUE: buf_addc(key, TAG_TRUE); return true;
    case RANK_NUMBER:
        number = number_form(v);
        key_add_number(key, &number);
        return true;
    case RANK_TEXT: break;
    }
    if (v->kind == VALUE_JSON) return no_key(e);
    key_add_text(key, text_form(v, room));
    return true;
}

bool key_add_field(
    struct buf *key, const struct json_field *f, struct buf *scratch, struct err *e) {
    struct decimal number;
    switch ((enum json_kind)f->kind) {
    case JSON_STRING: break;
    case JSON_NUMBER:
        if (!number_of_field(f, &number, e)) return false;
        key_add_number(key, &number);
        return true;
    case JSON_MISSING:
    case JSON_NULL: buf_addc(key, TAG_NULL); return true;
    case JSON_FALSE: buf_addc(key, TAG_FALSE); return true;
    case JSON_TRUE: buf_addc(key, TAG_TRUE); return true;
    case JSON_OBJECT:
    case JSON_ARRAY: return no_key(e);
    }
    if (!f->escaped) { /* JSON text holds no raw NUL */
        key_add_plain(key, json_slice(f));
        return true;
    }
    size_t from = scratch->n;
    if (!unescape(f, scratch, e)) return false;
    key_add_text(key, (struct slice){scratch->p + from, scratch->n - from});
    scratch->n = from;
    return true;
}

/* Reserves for all that is left of the key, so that reading the values of one key never moves
 * scratch. */
static void next_text(struct slice *key, struct buf *scratch, struct value *out) {
    char *to = buf_reserve(scratch, key->n);
    size_t n = 0, i = 1;
    for (;; i++) {
        char c = key->p[i];
        if (!c && !key->p[++i]) break; /* 00 00, else 00 FF */
        to[n++] = c;
    }
    out->kind = VALUE_STRING;
    out->text = (struct slice){to, n};
    scratch->n += n;
    *key = (struct slice){key->p + i + 1, key->n - i - 1};
}

void key_next(struct slice *key, struct buf *scratch, struct value *out) {
    unsigned char tag = (unsigned char)key->p[0];
    size_t n = 1;
    switch (tag) {
    case TAG_STRING: next_text(key, scratch, out); return;
    case TAG_NUMBER:
        out->kind = VALUE_NUMBER;
        n += decimal_from_key((const unsigned char *)key->p + 1, &out->number);
        break;
    default: out->kind = tag == TAG_NULL ? VALUE_NULL : tag == TAG_FALSE ? VALUE_FALSE : VALUE_TRUE;
    }
    *key = (struct slice){key->p + n, key->n - n};
}
