#include "json/value.h"

#include "json/inner.h"

static unsigned hex4(const char *p) {
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void add_utf8(struct buf *out, unsigned c) {
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xC0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xE0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_addc(out, (char)(0xF0 | c >> 18));
        buf_addc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    }
}

/* The \u escape at p, or two of them that make a surrogate pair; returns what is behind, NULL: a
 * lone surrogate. */
static const char *unescape_u(const char *p, const char *end, struct buf *out) {
    unsigned c = hex4(p + 2);
    p += 6;
    if (c >= 0xDC00 && c < 0xE000) return NULL;
    if (c >= 0xD800 && c < 0xDC00) {
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return NULL;
        unsigned low = hex4(p + 2);
        if (low < 0xDC00 || low >= 0xE000) return NULL;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    add_utf8(out, c);
    return p;
}

static char unescaped(char c) {
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
    }
}

bool json_unescape(struct slice string, struct buf *out) {
    const char *p = string.p, *end = p + string.n;
    size_t before = out->n;
    while (p < end) {
        const char *backslash = memchr(p, '\\', (size_t)(end - p));
        const char *plain_end = backslash ? backslash : end;
        buf_add(out, p, (size_t)(plain_end - p));
        p = plain_end;
        if (p == end) break;
        if (p[1] == 'u') {
            p = unescape_u(p, end, out);
        } else {
            buf_addc(out, unescaped(p[1]));
            p += 2;
        }
        if (!p) {
            out->n = before;
            return false;
        }
    }
    return true;
}

bool json_text(const struct json_field *f, struct buf *scratch, struct slice *out) {
    scratch->n = 0;
    *out = json_slice(f);
    if (!f->escaped) return true;
    if (!json_unescape(*out, scratch)) return false;
    *out = buf_slice(scratch);
    return true;
}

/* The letter behind the backslash, 'u' where there is no short form, 0 where c stands for
 * itself. */
static char escape_letter(unsigned char c) {
    switch (c) {
    case '"':
    case '\\': return (char)c;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return c < 0x20 ? 'u' : 0;
    }
}

void json_write_string(struct buf *out, struct slice s) {
    buf_addc(out, '"');
    size_t done = 0;
    for (size_t i = 0; i < s.n; i++) {
        char letter = escape_letter((unsigned char)s.p[i]);
        if (!letter) continue;
        buf_add(out, s.p + done, i - done);
        done = i + 1;
        if (letter == 'u') buf_printf(out, "\\u%04x", (unsigned)s.p[i]);
        else buf_add(out, (char[]){'\\', letter}, 2);
    }
    buf_add(out, s.p + done, s.n - done);
    buf_addc(out, '"');
}

bool utf8_valid(struct slice s, size_t *at) {
    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_length(s.p + i, s.n - i);
        if (n == 0) {
            if (at) *at = i;
            return false;
        }
    }
    return true;
}

const char *json_kind_name(enum json_kind k) {
    switch (k) {
    case JSON_NULL: return "null";
    case JSON_FALSE:
    case JSON_TRUE: return "true or false";
    case JSON_NUMBER: return "number";
    case JSON_STRING: return "string";
    case JSON_OBJECT: return "object";
    case JSON_ARRAY: return "array";
    default: return "missing";
    }
}
