/* The engine for any processor: core.h over its own primitives. */
#include "json/core.h"

const struct engine json_engine_portable = {"portable", scan_text, scan_line};
