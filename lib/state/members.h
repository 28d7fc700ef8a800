/* The members of JSON objects in files of a checkpoint, without the names of the library that reads and writes
 * them. Objects are those of jansson: members_free() gives one up, setting one as a member takes it over. */
#ifndef EV_STATE_MEMBERS_H
#define EV_STATE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct json_t;

struct json_t *members_new(void);
struct json_t *members_list(void);
struct json_t *members_copy(const struct json_t *of); /* shares what is never changed */
void members_free(struct json_t *of);                 /* takes NULL */

void members_set(struct json_t *of, const char *name, struct json_t *value); /* NULL: nothing */
void members_set_number(struct json_t *of, const char *name, int64_t v);
void members_set_hash(struct json_t *of, const char *name, uint64_t v); /* as text: all 64 bits */
void members_set_flag(struct json_t *of, const char *name, bool v);
void members_set_text(
    struct json_t *of, const char *name, struct slice v); /* of what is not UTF-8 a hash */
void members_append(struct json_t *list, struct json_t *value);

/* What is not there, or of another kind, is NULL, 0, false, "". Borrowed; `of` may be NULL. */
struct json_t *members_get(const struct json_t *of, const char *name);
int64_t members_number(const struct json_t *of, const char *name);
uint64_t members_hash(const struct json_t *of, const char *name);
bool members_flag(const struct json_t *of, const char *name);
struct slice members_text(const struct json_t *of, const char *name);
size_t members_size(const struct json_t *list);
struct json_t *members_at(const struct json_t *list, size_t i);
bool members_equal(const struct json_t *a, const struct json_t *b);

#endif
