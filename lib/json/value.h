/* From the text of a value to what it means, and back. */
#ifndef EV_JSON_VALUE_H
#define EV_JSON_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "json/scan.h"

/* Appends the unescaped bytes of a scanned string. False where it holds a lone surrogate escape,
 * which is no text (out is then as it was). */
bool json_unescape(struct slice string, struct buf *out);

/* The text of a scanned string: f itself where nothing is escaped, else unescaped into scratch
 * (which is emptied first and must live as long as *out). False as json_unescape(). */
bool json_text(const struct json_field *f, struct buf *scratch, struct slice *out);

/* Appends s, which is valid UTF-8, as a JSON string with quotes, minimally escaped: \" \\ \b \f
 * \n \r \t and \u00XX for the other control characters. */
void json_write_string(struct buf *out, struct slice s);

/* Is s valid UTF-8 (by Unicode's table 3-7)? On false *at, if not NULL, is the offending byte. */
bool utf8_valid(struct slice s, size_t *at);

/* What a user calls it: "null", "true or false", "number", "string", "object", "array",
 * "missing". */
const char *json_kind_name(enum json_kind k);

#endif
