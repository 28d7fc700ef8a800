#include "json/inner.h"

static const char *past_space(const char *p) {
    while (is_space(*p)) p++;
    return p;
}

/* Behind the object or array at p. */
static const char *past_container(const char *p) {
    bool escaped;
    for (int depth = 0;;) {
        if (*p == '"') {
            p = past_string(p, &escaped);
            continue;
        }
        if (*p == '{' || *p == '[') depth++;
        if (*p == '}' || *p == ']') depth--;
        p++;
        if (depth == 0) return p;
    }
}

/* Reads the value at p, which ends before `end`, and returns what is behind it. */
static const char *take_value(const char *p, const char *end, struct json_field *value) {
    const char *behind;
    *value = (struct json_field){.p = p, .kind = (uint8_t)kind_of(*p)};
    if (value->kind == JSON_STRING) {
        behind = past_string(p, &value->escaped);
        value->p = p + 1;
        value->n = (uint32_t)(behind - 1 - value->p);
        return behind;
    }
    behind = value->kind >= JSON_OBJECT ? past_container(p) : past_word(p, end);
    value->n = (uint32_t)(behind - p);
    return behind;
}

bool json_next(const struct json_field *of, struct json_walk *at, struct json_field *key,
    struct json_field *value) {
    const char *end = of->p + of->n - 1; /* the closing bracket */
    const char *p = past_space(at->p ? at->p : of->p + 1);
    if (p == end) return false;
    if (*p == ',') p = past_space(p + 1);
    *key = (struct json_field){0};
    if (of->kind == JSON_OBJECT) {
        p = past_space(take_value(p, end, key));
        p = past_space(p + 1);
    }
    at->p = take_value(p, end, value);
    return true;
}
