#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

bool err_set(struct err *e, enum exit_code code, const char *format, ...) {
    char text[ERR_TEXT]; /* aside, because an argument may point into e->text */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    e->code = code;
    memcpy(e->text, text, sizeof text);
    return false;
}

bool err_errno(struct err *e, enum exit_code code, int errno_value, const char *format, ...) {
    char text[ERR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(e, code, "%s: %s", text, strerror(errno_value));
}

bool err_at(struct err *e, const char *format, ...) {
    char place[ERR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(place, sizeof place, format, args);
    va_end(args);
    return err_set(e, e->code, "%s: %s", place, e->text);
}

/* The length of the printable UTF-8 character at p, 0 where there is none. C1 controls count as
 * unprintable: terminals obey them. */
static size_t printable(const unsigned char *p, size_t n) {
    if (*p < 0x80) return *p >= 0x20 && *p != 0x7f;
    size_t len = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    if (*p < 0xc2 || *p > 0xf4 || n < len) return 0;
    uint32_t c = *p & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    bool too_short = (len == 3 && c < 0x800) || (len == 4 && c < 0x10000);
    bool control = c < 0xa0 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    bool none = c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff);
    return too_short || control || none ? 0 : len;
}

const char *err_quote(char *out, size_t out_size, struct slice s) {
    enum { MOST = 60, TAIL = sizeof "\"..." };
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = 0, i = 0;
    out[n++] = '"';
    while (i < s.n) {
        size_t len = printable(p + i, s.n - i);
        size_t need = len == 0 ? 4 : *(p + i) == '"' || *(p + i) == '\\' ? 2 : len;
        if (i + (len ? len : 1) > MOST || n + need + TAIL > out_size) break;
        if (len == 0) {
            snprintf(out + n, out_size - n, "\\x%02x", p[i]);
        } else {
            if (need > len) out[n] = '\\';
            memcpy(out + n + need - len, p + i, len);
        }
        n += need;
        i += len ? len : 1;
    }
    snprintf(out + n, out_size - n, "\"%s", i < s.n ? "..." : "");
    return out;
}

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edit distance with neighbours swapped as one edit; `most` + 1 for anything beyond most. The words
 * are short: option and field names. */
static size_t distance(struct slice a, struct slice b, size_t most) {
    enum { LONGEST = 64 };
    size_t row[3][LONGEST + 1];
    size_t apart = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (a.n > LONGEST || b.n > LONGEST || apart > most) return most + 1;
    for (size_t j = 0; j <= b.n; j++) row[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            now[j] = min3(up[j] + 1, now[j - 1] + 1, change);
            bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (swapped && up2[j - 2] + 1 < now[j]) now[j] = up2[j - 2] + 1;
        }
    }
    return row[a.n % 3][b.n];
}

const char *err_nearest(struct slice word, const char *const *names, size_t n) {
    size_t most = word.n < 6 ? 1 : word.n / 3;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, slice_of(names[i]), most);
        if (d > most) continue;
        best = names[i];
        if (d == 0) break;
        most = d - 1;
    }
    return best;
}
