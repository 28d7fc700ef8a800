#include "state/members.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

static json_t *made(json_t *o) {
    if (!o) mem_exhausted(0);
    return o;
}

struct json_t *members_new(void) {
    return made(json_object());
}
struct json_t *members_list(void) {
    return made(json_array());
}
struct json_t *members_copy(const struct json_t *of) {
    return made(json_deep_copy(of));
}
void members_free(struct json_t *of) { json_decref(of); }

void members_set(struct json_t *of, const char *name, struct json_t *value) {
    if (value && json_object_set_new(of, name, value) != 0) mem_exhausted(0);
}

void members_set_number(struct json_t *of, const char *name, int64_t v) {
    members_set(of, name, made(json_integer(v)));
}

void members_set_hash(struct json_t *of, const char *name, uint64_t v) {
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, v);
    members_set_text(of, name, slice_of(text));
}

void members_set_flag(struct json_t *of, const char *name, bool v) {
    members_set(of, name, json_boolean(v));
}

void members_set_text(struct json_t *of, const char *name, struct slice v) {
    json_t *text = json_stringn(v.n ? v.p : "", v.n);
    if (text) members_set(of, name, text);
    else members_set_hash(of, name, hash_bytes(v.p, v.n, 0));
}

void members_append(struct json_t *list, struct json_t *value) {
    if (json_array_append_new(list, value) != 0) mem_exhausted(0);
}

struct json_t *members_get(const struct json_t *of, const char *name) {
    return json_object_get(of, name);
}

int64_t members_number(const struct json_t *of, const char *name) {
    return json_integer_value(json_object_get(of, name));
}

uint64_t members_hash(const struct json_t *of, const char *name) {
    return strtoull(members_text(of, name).p, NULL, 16);
}

bool members_flag(const struct json_t *of, const char *name) {
    return json_is_true(json_object_get(of, name));
}

struct slice members_text(const struct json_t *of, const char *name) {
    const json_t *v = json_object_get(of, name);
    return v && json_is_string(v) ? (struct slice){json_string_value(v), json_string_length(v)}
                                  : (struct slice){"", 0};
}

size_t members_size(const struct json_t *list) { return json_array_size(list); }
struct json_t *members_at(const struct json_t *list, size_t i) {
    return json_array_get(list, i);
}
bool members_equal(const struct json_t *a, const struct json_t *b) { return json_equal(a, b); }
