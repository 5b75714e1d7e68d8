#include "base/blame.h"

_Thread_local const struct blame *volatile blame_running;
