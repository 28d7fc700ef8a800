/* The scanner against jansson, on acceptance and on values; its engines and its two paths
 * against each other.
 *
 * `make fuzz` builds and runs it. For a long run: build/fuzzing/fuzz/fuzz_json -max_len=192 CORPUS, with
 * ASAN_OPTIONS=malloc_context_size=0:quarantine_size_mb=1:detect_leaks=0 for speed.
 *
 * An input is a text and three bytes that say how it is damaged once its shape is known. Jansson
 * refuses some valid texts and takes one kind of invalid ones: refuses_valid() and takes_nul()
 * list them, and tests/unit/json/scan.c shows them. There are no other differences. */

/* Jansson names its types as we name our kinds. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "json/inner.h"
#include "json/value.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { MAX_DEPTH = 2048 }; /* jansson's own */

static const char *const wanted[] = {"a", "b", "a.b", "a.a", "a[0]", "a[1].b", "b.a[0].b", "``"};
enum { N_PATHS = sizeof wanted / sizeof *wanted, N_WANTED = N_PATHS + 1, ROOT = N_PATHS };

static struct json_path paths[N_WANTED]; /* the last one is the root value itself */
static struct json_scanner *general_avx2, *general_portable; /* never see json_scan_line() */
static struct json_scanner *lines_avx2, *lines_portable;

static struct json_scanner *new_scanner(void) {
    struct json_scanner *s = json_scanner_new(MAX_DEPTH);
    for (int i = 0; i < N_WANTED; i++) MUST(json_want(s, &paths[i]) == i);
    return s;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    struct err e;
    for (int i = 0; i < N_PATHS; i++) MUST(json_path_parse(slice_of(wanted[i]), &paths[i], &e));
    general_avx2 = new_scanner();
    lines_avx2 = new_scanner();
    setenv("EV_CPU", "portable", 1);
    general_portable = new_scanner();
    lines_portable = new_scanner();
    return 0;
}

/* Valid, but refused by jansson. It stops there, so the rest of the text has not been compared. */
static bool refuses_valid(const json_error_t *error) {
    switch (json_error_code(error)) {
    case json_error_numeric_overflow: return true; /* 1e400, integers beyond 64 bits */
    case json_error_stack_overflow: return true;   /* deeper than 2,048 values */
    case json_error_null_byte_in_key: return true; /* {"\u0000":1} */
    default: return strstr(error->text, "invalid Unicode") != NULL; /* "\uD800", "\uDC00\uD800" */
    }
}

/* Jansson overlooks a NUL byte right behind a number or a word, as in "123\0". */
static bool takes_nul(const char *text, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (text[i] == '\0' && isalnum((unsigned char)text[i - 1])) return true;
    return false;
}

/* ---- values ---- */

static bool text_is(const struct json_field *f, const char *p, size_t n) {
    static struct buf scratch;
    struct slice text;
    MUST(json_text(f, &scratch, &text)); /* jansson has taken it, so no lone surrogates */
    return text.n == n && memcmp(text.p, p, n) == 0;
}

static bool same_key(const struct json_field *a, const struct json_field *b) {
    static struct buf scratch;
    struct slice text;
    if (!a->escaped && !b->escaped) return slice_eq(json_slice(a), json_slice(b));
    MUST(json_text(a, &scratch, &text));
    return text_is(b, text.p, text.n);
}

static void compare_number(const struct json_field *f, const json_t *j) {
    static struct buf scratch;
    scratch.n = 0;
    buf_add(&scratch, f->p, f->n);
    buf_addc(&scratch, '\0');
    if (json_is_integer(j)) {
        MUST(!strpbrk(scratch.p, ".eE"));
        MUST(strtoll(scratch.p, NULL, 10) == json_integer_value(j));
    } else {
        MUST(json_is_real(j) && strtod(scratch.p, NULL) == json_real_value(j));
    }
}

static void compare(const struct json_field *f, json_t *j);

static void compare_array(const struct json_field *f, json_t *j) {
    struct json_walk walk = {0};
    struct json_field key, value;
    size_t n = 0;
    for (; json_next(f, &walk, &key, &value); n++) compare(&value, json_array_get(j, n));
    MUST(n == json_array_size(j));
}

/* Of duplicates the last one counts. */
static bool comes_again(
    const struct json_field *f, struct json_walk walk, const struct json_field *key) {
    struct json_field later, value;
    while (json_next(f, &walk, &later, &value))
        if (same_key(key, &later)) return true;
    return false;
}

static void compare_object(const struct json_field *f, json_t *j) {
    static struct buf scratch;
    struct json_walk walk = {0};
    struct json_field key, value;
    size_t n = 0;
    while (json_next(f, &walk, &key, &value)) {
        struct slice name;
        if (comes_again(f, walk, &key)) continue;
        MUST(json_text(&key, &scratch, &name));
        compare(&value, json_object_getn(j, name.p, name.n));
        n++;
    }
    MUST(n == json_object_size(j));
}

static void compare(const struct json_field *f, json_t *j) {
    MUST(j);
    switch (json_typeof(j)) {
    case JANSSON_OBJECT:
        MUST(f->kind == JSON_OBJECT);
        compare_object(f, j);
        break;
    case JANSSON_ARRAY:
        MUST(f->kind == JSON_ARRAY);
        compare_array(f, j);
        break;
    case JANSSON_STRING:
        MUST(f->kind == JSON_STRING && text_is(f, json_string_value(j), json_string_length(j)));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        MUST(f->kind == JSON_NUMBER);
        compare_number(f, j);
        break;
    case JANSSON_TRUE: MUST(f->kind == JSON_TRUE); break;
    case JANSSON_FALSE: MUST(f->kind == JSON_FALSE); break;
    case JANSSON_NULL: MUST(f->kind == JSON_NULL); break;
    }
}

/* A wanted field is what following its path in jansson's tree finds. */
static void compare_wanted(const struct json_field *fields, json_t *root) {
    for (int i = 0; i < N_WANTED; i++) {
        json_t *j = root;
        for (size_t k = 0; j && k < paths[i].n; k++) {
            const struct json_step *step = &paths[i].steps[k];
            j = step->key.p ? json_object_getn(j, step->key.p, step->key.n)
                            : json_array_get(j, (size_t)step->index);
        }
        if (j) compare(&fields[i], j);
        else MUST(fields[i].kind == JSON_MISSING);
    }
}

/* ---- our own two engines and two paths ---- */

static bool same(const struct json_field *a, const struct json_field *b) {
    for (int i = 0; i < N_WANTED; i++)
        if (a[i].p != b[i].p || a[i].n != b[i].n || a[i].kind != b[i].kind ||
            a[i].escaped != b[i].escaped)
            return false;
    return true;
}

static bool scan_both(struct slice text, const char *limit, struct json_field *out) {
    struct json_field other[N_WANTED];
    struct err e;
    bool accepted = json_scan(general_avx2, text, limit, out, &e);
    MUST(json_scan(general_portable, text, limit, other, &e) == accepted);
    MUST(same(out, other)); /* all missing when not accepted */
    return accepted;
}

/* The line at p and what a shape says of it; false where the general path refuses it. */
static bool try_line(struct json_scanner *s, const char *p, const char *end, const char **behind) {
    struct json_field expected[N_WANTED], got[N_WANTED];
    struct err e;
    size_t n = 0;
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    const char *matched = json_scan_line(s, p, end, got, &n);
    struct slice text = {p, (size_t)(newline - p)};
    if (text.n && text.p[text.n - 1] == '\r') text.n--;
    *behind = newline + 1;
    if (!matched) return json_scan(s, text, end, got, &e);
    MUST(matched == newline && n == text.n);
    MUST(scan_both(text, end, expected));
    MUST(same(expected, got));
    return true;
}

/* All lines, which leave their shapes, then the same ones with a byte changed. */
static void try_lines(const char *text, size_t n, const uint8_t how[3]) {
    char *line = mem_zero(n + 1 + JSON_SLACK, 1);
    const char *p = line, *end = p + n + 1;
    memcpy(line, text, n);
    line[n] = '\n';
    struct json_scanner *s = how[0] & 1 ? lines_portable : lines_avx2;
    shapes_free(&s->shapes);
    while (p < end && try_line(s, p, end, &p)) continue;
    if (how[1] & 0x80) /* as where strings with escapes came often */
        for (uint32_t i = 1; i <= s->shapes.n; i++) s->shapes.nodes[i].mixed = MIXED;
    size_t at = ((size_t)how[0] >> 1 | (size_t)how[1] << 7) % (n + 1);
    if (at < n) line[at] = (char)how[2];
    for (p = line; p < end && try_line(s, p, end, &p);) continue;
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 3) return 0;
    n -= 3;
    char *text = mem_alloc(n);
    memcpy(text, data, n);
    struct json_field fields[N_WANTED];
    bool accepted = scan_both((struct slice){text, n}, text + n, fields);
    json_error_t error;
    json_t *root = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (root && !accepted) {
        MUST(takes_nul(text, n));
        json_decref(root);
    } else if (root) {
        compare(&fields[ROOT], root);
        compare_wanted(fields, root);
        json_decref(root);
    } else {
        MUST(!accepted || refuses_valid(&error));
    }
    if (accepted || memchr(text, '\n', n)) try_lines(text, n, data + n);
    free(text);
    return 0;
}
