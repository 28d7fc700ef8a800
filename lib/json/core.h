/* The code that reads text, compiled once for each engine. Its primitives are those of block.h, unless
 * the including file has defined ENGINE_BLOCKS and its own:
 *
 *   enum { BLOCK = ... };          bytes that the next two read
 *   size_t block_plain(p)          bytes at p that are neither quote, backslash, control character
 *                                  nor over 0x7F; at most BLOCK
 *   size_t block_digits(p, &next)  bytes at p that are digits; next: where the second byte is that
 *                                  is none; both at most BLOCK
 *   enum lead literal_lead(p, shape, skip)
 *                                  is its literal at p, its first `skip` (0 or 1) bytes aside, and
 *                                  does a quote follow? LITERAL_MAX + 1 bytes are readable there
 *
 * Nothing reads at or behind `limit`: where less than SLACK bytes are left, single bytes are
 * looked at instead. */
#include <string.h>

#include "json/inner.h"
#ifndef ENGINE_BLOCKS
#include "json/block.h"
#endif

/* What a quick step may read: a block, and the byte behind it. */
enum { SLACK = BLOCK + 2 };
_Static_assert(
    (int)SLACK <= (int)JSON_SLACK && (int)LITERAL_MAX < (int)JSON_SLACK, "what callers leave");

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline bool is_plain(char c) { return (signed char)c >= 0x20 && c != '"' && c != '\\'; }

static inline bool is_hex(char c) { return is_digit(c) || ((unsigned char)((c | 0x20) - 'a') < 6); }

static size_t escape_length(const char *p, const char *end) {
    if (end - p < 2) return 0;
    if (is_short_escape(p[1])) return 2;
    if (p[1] != 'u') return 0;
    return end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]) ? 6 : 0;
}

/* From a byte inside a string to its closing quote, before end. NULL: *bad is where it goes
 * wrong. */
static const char *string_end(
    const char *p, const char *end, const char *limit, bool *escaped, const char **bad) {
    for (size_t n; p < end; p += n) {
        if (is_plain(*p)) {
            n = limit - p >= BLOCK ? block_plain(p) : 1;
        } else if (*p == '"') {
            return p;
        } else if (*p == '\\') {
            *escaped = true;
            n = escape_length(p, end);
        } else {
            n = *p & 0x80 ? utf8_length(p, (size_t)(end - p)) : 0;
        }
        if (n == 0) break;
    }
    *bad = p < end ? p : end;
    return NULL;
}

/* The same, quick where the string is short and plain. */
static inline const char *short_string_end(
    const char *p, const char *end, const char *limit, bool *escaped, const char **bad) {
    *escaped = false;
    if (LIKELY(limit - p > BLOCK)) {
        p += block_plain(p);
        if (LIKELY(*p == '"' && p < end)) return p;
    }
    return string_end(p, end, limit, escaped, bad);
}

/* Behind the number at p; NULL: none, *bad is where a digit was expected. */
static const char *number_end(const char *p, const char *end, const char **bad) {
    if (p < end && *p == '-') p++;
    *bad = p;
    if (p == end || !is_digit(*p)) return NULL;
    if (*p++ != '0')
        while (p < end && is_digit(*p)) p++;
    if (p < end && *p == '.') {
        *bad = ++p;
        while (p < end && is_digit(*p)) p++;
        if (p == *bad) return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        *bad = p;
        while (p < end && is_digit(*p)) p++;
        if (p == *bad) return NULL;
    }
    return p;
}

/* The same for the usual: a few digits, perhaps a point and a few more. NULL: look closer; also
 * where number_goes_on() there. SLACK bytes at p are readable. */
static inline const char *quick_number(const char *p) {
    size_t n, whole = block_digits(p, &n);
    if (whole == 0 || (*p == '0' && whole > 1)) return NULL;
    if (p[whole] != '.') n = whole;
    else if (n == whole + 1) return NULL;
    return p + n;
}

static inline bool number_goes_on(char c) { return is_digit(c) || c == '.' || (c | 0x20) == 'e'; }

/* Behind the word at p, or NULL. */
static inline const char *word_end(const char *p, const char *end, const char *word, size_t n) {
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* Behind true, false or null at p, or NULL. */
static const char *name_end(const char *p, const char *end) {
    switch (*p) {
    case 't': return word_end(p, end, "true", 4);
    case 'f': return word_end(p, end, "false", 5);
    case 'n': return word_end(p, end, "null", 4);
    default: return NULL;
    }
}

static inline struct json_field field_of(const char *p, const char *end, enum json_kind kind) {
    return (struct json_field){.p = p, .n = (uint32_t)(end - p), .kind = (uint8_t)kind};
}

/* ---- any text ---- */

static inline const char *past_space(const char *p, const char *end) {
    if (p < end && LIKELY(*p > ' ')) return p;
    while (p < end && is_space(*p)) p++;
    return p;
}

static inline int byte_at(const char *p, const char *end) {
    return p < end ? (unsigned char)*p : -1;
}

static bool scan_text(struct json_scanner *s, struct slice text, const char *limit,
    struct json_field *out, struct err *e) {
    const char *end = text.p + text.n, *p = past_space(text.p, end), *q, *bad;
    int depth = 0;
    bool in_object = false;
    struct want *in = NULL;       /* of the innermost container */
    struct want *want = s->wants; /* of the value at p */
    enum json_kind kind;
    bool escaped = false;

value:
    kind = kind_of(p < end ? *p : 0);
    switch (kind) {
    case JSON_STRING:
        q = short_string_end(p + 1, end, limit, &escaped, &bad);
        if (!q) return scan_bad_string(e, text, bad);
        if (want && want->index >= 0) {
            out[want->index] = field_of(p + 1, q, JSON_STRING);
            out[want->index].escaped = escaped;
        }
        p = q + 1;
        goto next;
    case JSON_NUMBER:
        q = limit - p >= SLACK ? quick_number(p) : NULL;
        if (!q || q > end || number_goes_on(*q)) q = number_end(p, end, &bad);
        if (!q) return scan_expected(e, text, bad, "a digit");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY: goto open;
    case JSON_MISSING: q = NULL; break;
    default: q = name_end(p, end);
    }
    if (!q) return scan_expected(e, text, p, "a value");
    if (want && want->index >= 0) out[want->index] = field_of(p, q, kind);
    p = q;

next:
    p = past_space(p, end);
    if (depth == 0) return p == end || scan_expected(e, text, p, "nothing behind the value");
    if (byte_at(p, end) == (in_object ? '}' : ']')) goto close;
    if (byte_at(p, end) != ',')
        return scan_expected(e, text, p, in_object ? "',' or '}'" : "',' or ']'");
    p = past_space(p + 1, end);
    if (in_object) goto key;
    want = in ? want_index(s, in, ++s->frames[depth].index) : NULL;
    goto value;

open:
    if (depth >= s->max_depth) return scan_too_deep(e, s->max_depth);
    depth++;
    in = want;
    in_object = *p == '{';
    if (in_object) s->is_object[depth / 64] |= UINT64_C(1) << depth % 64;
    else s->is_object[depth / 64] &= ~(UINT64_C(1) << depth % 64);
    if (depth < s->n_frames) s->frames[depth] = (struct frame){.node = in};
    if (in && in->index >= 0) out[in->index] = field_of(p, p, kind_of(*p));
    p = past_space(p + 1, end);
    if (byte_at(p, end) == (in_object ? '}' : ']')) goto close;
    if (in_object) goto key;
    want = in ? want_index(s, in, 0) : NULL;
    goto value;

key:
    if (byte_at(p, end) != '"') return scan_expected(e, text, p, "a key");
    q = short_string_end(p + 1, end, limit, &escaped, &bad);
    if (!q) return scan_bad_string(e, text, bad);
    want = in ? want_key(s, in, (struct slice){p + 1, (size_t)(q - p - 1)}, escaped, out) : NULL;
    p = past_space(q + 1, end);
    if (byte_at(p, end) != ':') return scan_expected(e, text, p, "':' after a key");
    p = past_space(p + 1, end);
    goto value;

close:
    p++;
    if (in && in->index >= 0) out[in->index].n = (uint32_t)(p - out[in->index].p);
    depth--;
    in = depth < s->n_frames ? s->frames[depth].node : NULL;
    in_object = s->is_object[depth / 64] >> depth % 64 & 1;
    goto next;
}

/* ---- lines of a known shape ---- */

static inline struct json_field *field_for(
    struct json_field *out, const struct shape *shape, struct json_field *unwanted) {
    return shape->want >= 0 ? &out[shape->want] : unwanted;
}

/* Many values are as wide as they were the last time. Then this returns the width that was
 * expected: the same number, but the processor need not wait for it. A line is otherwise one
 * long chain of loads, each of which begins where the last one ended (order events: 94 ns so, 62
 * ns with guesses). A wrong guess costs as much as a right one saves, so values that vary are
 * not guessed. */
static inline size_t likely_width(struct shape *shape, size_t width) {
    size_t expected = shape->width;
    if (width == expected) {
        __asm__("" : "+r"(expected)); /* or the compiler would use the other one */
        return expected;
    }
    if (UNLIKELY(expected)) {
        bool again = width <= UINT8_MAX && ++shape->misjudged < MAX_MISJUDGED;
        shape->width = again ? (uint8_t)width : 0;
    }
    return width;
}

/* Strings of the line whose bytes are still to be checked. */
struct unchecked {
    struct slice strings[MAX_UNCHECKED];
    size_t n;
};

static bool check_strings(struct unchecked *u, const char *end) {
    const char *bad;
    bool escaped;
    for (size_t i = 0; i < u->n; i++) {
        struct slice s = u->strings[i];
        if (UNLIKELY(!block_valid(s.p, s.n)) &&
            string_end(s.p, end, end, &escaped, &bad) != s.p + s.n)
            return false;
    }
    u->n = 0;
    return true;
}

/* A string where some have escapes or letters beyond ASCII. Which ones is hard to foretell, and a
 * wrong branch costs more than all the rest: so those are noted without one, and checked when
 * the line is complete. */
static inline size_t mixed_string(
    const char *content, struct json_field *field, struct unchecked *u) {
    struct quoted s = block_string(content);
    bool known = s.n < BLOCK;
    size_t n = known ? s.n : block_plain(content);
    *field = field_of(content, content + n, JSON_STRING);
    field->escaped = s.escaped;
    u->strings[u->n] = (struct slice){content, n};
    u->n += known & s.check;
    return n;
}

/* The same as scan_line()'s p behind a value that begins at `content` and does not end at p; NULL:
 * it is none. Marks the shape of strings that are short all the same. */
static __attribute__((noinline)) const char *odd_string(const char *content, const char *p,
    const char *end, struct shape *shape, struct json_field *field) {
    const char *bad;
    bool escaped = false;
    if (block_string(content).n < BLOCK && shape->mixed < MIXED) shape->mixed++;
    p = string_end(p, end, end, &escaped, &bad);
    if (p) *field = field_of(content, p, JSON_STRING);
    if (p) field->escaped = escaped;
    return p;
}

/* Behind the number or word at p, NULL where there is none. *field is set. */
static __attribute__((noinline)) const char *odd_scalar(
    const char *p, const char *end, struct json_field *field) {
    const char *bad, *q = number_end(p, end, &bad);
    if (!q) q = name_end(p, end);
    if (q) *field = field_of(p, q, kind_of(*p));
    return q;
}

static void obey_marks(const struct mark *m, const char *p, struct json_field *out) {
    for (;; m++) {
        struct json_field *field = &out[m->want];
        const char *at = p + m->at;
        if (m->what == MARK_BEGIN) *field = field_of(at, at, kind_of(*at));
        if (m->what == MARK_END) field->n = (uint32_t)(at - field->p);
        if (m->what == MARK_MISSING) *field = (struct json_field){0};
        if (m->last) return;
    }
}

/* The '\n' at p or behind a '\r' at p, or NULL. */
static inline const char *newline_at(const char *p, const char *end) {
    if (p < end && *p == '\n') return p;
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p + 1 : NULL;
}

static const char *scan_line(
    struct shapes *t, const char *p, const char *end, struct json_field *out, size_t *text_n) {
    if (t->first == 0) return NULL;
    const char *begin = p;
    struct shape *nodes = t->nodes;
    struct shape *value = NULL; /* of the value before p, which may go on */
    const char *content = NULL; /* its first byte */
    unsigned skip = 0;          /* 1: behind a value that is no string */
    struct json_field unwanted = {0};
    struct unchecked unchecked;
    unchecked.n = 0;
    uint32_t i = t->first;
    struct shape *shape = &nodes[i];
    while (i != 0) {
        enum lead lead = literal_lead(p, shape, skip);
        const char *q = p + shape->literal_n, *behind;
        size_t n;
        if (UNLIKELY(lead == LEAD_DIFFERS)) {
            if (value && skip && number_goes_on(p[1])) {
                p = odd_scalar(content, end, field_for(out, value, &unwanted));
                if (!p) return NULL;
                p--;
                value = NULL;
            } else if (value && !skip && *p != '"') {
                p = odd_string(content, p, end, value, field_for(out, value, &unwanted));
                if (!p) return NULL;
                value = NULL;
            } else {
                shape = &nodes[i = shape->other];
            }
            continue;
        }
        if (UNLIKELY(shape->kind != SHAPE_VALUE)) {
            if (shape->marks) obey_marks(&t->marks[shape->marks], p, out);
            if (shape->kind == SHAPE_END) {
                behind = newline_at(q, end);
                *text_n = (size_t)(q - begin);
                if (behind) return check_strings(&unchecked, end) ? behind : NULL;
                shape = &nodes[i = shape->other];
                continue;
            }
            p = q;
            skip = 0;
            value = NULL;
        } else if (LIKELY(lead == LEAD_QUOTE)) {
            content = q + 1;
            if (UNLIKELY(shape->mixed == MIXED)) {
                n = mixed_string(content, field_for(out, shape, &unwanted), &unchecked);
                if (UNLIKELY(unchecked.n == MAX_UNCHECKED) && !check_strings(&unchecked, end))
                    return NULL;
            } else {
                n = block_plain(content);
                if (shape->want >= 0)
                    out[shape->want] = field_of(content, content + n, JSON_STRING);
            }
            p = content + likely_width(shape, n);
            skip = 0;
            value = shape;
        } else {
            content = q;
            if ((behind = quick_number(q)) != NULL) {
                if (shape->want >= 0) out[shape->want] = field_of(q, behind, JSON_NUMBER);
            } else if (memcmp(q, "null", 4) == 0) {
                behind = q + 4;
                if (shape->want >= 0) out[shape->want] = field_of(q, behind, JSON_NULL);
            } else {
                behind = odd_scalar(q, end, field_for(out, shape, &unwanted));
                if (!behind) {
                    shape = &nodes[i = shape->other];
                    continue;
                }
            }
            p = q + likely_width(shape, (size_t)(behind - q)) - 1;
            skip = 1;
            value = shape;
        }
        /* Mostly what was learned next, and then the processor need not wait for it either. */
        if (LIKELY(shape->next == i + 1)) {
            i++, shape++;
            __asm__("" : "+r"(shape), "+r"(i));
        } else {
            shape = &nodes[i = shape->next];
        }
    }
    return NULL;
}
