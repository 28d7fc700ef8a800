#include "expr/lex.h"

#include <strings.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (unsigned char)((c | 0x20) - 'a') < 26; }
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* As json_path_parse_front() has it. */
static bool is_name(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '$' || c == '@' || (c & 0x80);
}

bool lex_is_word(struct slice text, const char *word) {
    return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static const char *skip_digits(const char *p, const char *end) {
    while (p < end && is_digit(*p)) p++;
    return p;
}

/* Past `pattern` ('0' for a digit, '+' for either sign), or NULL. */
static const char *skip_pattern(const char *p, const char *end, const char *pattern) {
    for (; *pattern; pattern++, p++) {
        if (p == end) return NULL;
        bool fits = *pattern == '0'   ? is_digit(*p)
                    : *pattern == '+' ? *p == '+' || *p == '-'
                                      : *p == *pattern;
        if (!fits) return NULL;
    }
    return p;
}

static const char *number_end(const char *p, const char *end) {
    const char *q;
    p = skip_digits(p, end);
    if ((q = skip_pattern(p, end, ".0"))) p = skip_digits(q, end);
    if (p < end && (*p | 0x20) == 'e') {
        q = p + 1;
        if (q < end && (*q == '+' || *q == '-')) q++;
        if (q < end && is_digit(*q)) p = skip_digits(q, end);
    }
    return p;
}

/* Digits with letters in them are a duration, or meant as one. */
static struct token number_or_duration(const char *p, const char *end) {
    const char *q = number_end(p, end);
    if (q == end || !is_name(*q)) return (struct token){TOKEN_NUMBER, {p, (size_t)(q - p)}};
    while (q < end && is_name(*q)) q++;
    return (struct token){TOKEN_DURATION, {p, (size_t)(q - p)}};
}

/* A sign behind a time belongs to it only as an offset, +05:30: @2025-11-14-1h is a difference. */
static const char *time_end(const char *p, const char *end) {
    const char *q = skip_pattern(p, end, "0000-00-00");
    if (!q) {
        while (p < end && (is_name(*p) || (*p == '.' && p + 1 < end && is_digit(p[1])))) p++;
        return p;
    }
    if (q == end || (*q | 0x20) != 't') return q;
    q++;
    while (q < end && (is_digit(*q) || *q == ':' || *q == '.')) q++;
    if (q < end && (*q | 0x20) == 'z') return q + 1;
    const char *offset = skip_pattern(q, end, "+00:00");
    return offset ? offset : q;
}

static struct token string(const char *p, const char *end) {
    for (const char *q = p + 1; q < end; q++) {
        if (*q == '\\') q++;
        else if (*q == *p && *p == '\'' && q + 1 < end && q[1] == '\'') q++;
        else if (*q == *p) return (struct token){TOKEN_STRING, {p, (size_t)(q + 1 - p)}};
    }
    return (struct token){TOKEN_SYMBOL, {p, 1}};
}

static struct token symbol(const char *p, const char *end) {
    static const char *const two[] = {"||", "==", "!=", "<>", "<=", ">=", "&&"};
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (end - p > 1 && memcmp(p, two[i], 2) == 0) return (struct token){TOKEN_SYMBOL, {p, 2}};
    return (struct token){TOKEN_SYMBOL, {p, 1}};
}

struct token lex(const char *p, const char *end) {
    while (p < end && is_space(*p)) p++;
    if (p == end) return (struct token){TOKEN_END, {p, 0}};
    if (is_digit(*p)) return number_or_duration(p, end);
    if (*p == '@') return (struct token){TOKEN_AT, {p, (size_t)(time_end(p + 1, end) - p)}};
    if (*p == '"' || *p == '\'') return string(p, end);
    if (!is_name(*p)) return symbol(p, end);
    const char *q = p;
    while (q < end && is_name(*q)) q++;
    return (struct token){TOKEN_WORD, {p, (size_t)(q - p)}};
}

/* ---- strings ---- */

static int hex4(const char *p, const char *end) {
    int v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) return -1;
        v = v * 16 + (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void add_utf8(struct buf *out, unsigned c) {
    if (c < 0x80) {
        buf_addc(out, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_addc(out, (char)(0xC0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_addc(out, (char)(0xE0 | c >> 12));
        } else {
            buf_addc(out, (char)(0xF0 | c >> 18));
            buf_addc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        }
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
    }
    buf_addc(out, (char)(0x80 | (c & 0x3F)));
}

/* p is behind \u; returns what is behind the escape, or the two of a pair, or NULL. */
static const char *unicode(const char *p, const char *end, struct buf *out) {
    int c = hex4(p, end);
    p += 4;
    if (c < 0 || (c >= 0xDC00 && c < 0xE000)) return NULL;
    if (c >= 0xD800 && c < 0xDC00) {
        int low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
        if (low < 0xDC00 || low >= 0xE000) return NULL;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    add_utf8(out, (unsigned)c);
    return p;
}

/* p is at a backslash; returns what is behind the escape, or NULL. */
static const char *escape(const char *p, const char *end, struct buf *out) {
    static const char from[] = "bfnrt\\/\"'", to[] = "\b\f\n\r\t\\/\"'";
    char c = p[1];
    const char *known = c ? strchr(from, c) : NULL;
    if (c == 'u') return unicode(p + 2, end, out);
    if (!known && is_name(c) && c != '_' && c != '$' && c != '@') return NULL;
    if (!known) buf_addc(out, '\\');
    buf_addc(out, known ? to[known - from] : c);
    return p + 2;
}

static const char *wrong_escape(const char *p, const char *end) {
    if (p[1] == 'u' && hex4(p + 2, end) >= 0) return "half of a surrogate pair is no text";
    return "unknown escape (a backslash is \\\\)";
}

const char *lex_string(struct slice token, struct buf *out, const char **at) {
    const char *end = token.p + token.n - 1;
    char quote = *token.p;
    for (const char *p = token.p + 1; p < end;) {
        *at = p;
        if (*p == '\\') {
            p = escape(p, end, out);
            if (!p) return wrong_escape(*at, end);
            continue;
        }
        buf_addc(out, *p);
        p += *p == quote ? 2 : 1; /* a quote in here is doubled */
    }
    return NULL;
}
