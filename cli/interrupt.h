// Ctrl-C: the first one asks the command to come to a safe stop, a second one ends it at once
// (which is safe too: everything that matters is journaled first).
#pragma once

namespace imi::cli {

// Installs the handlers of SIGINT and SIGTERM; SIGPIPE is ignored.
void install_interrupt_handlers();
[[nodiscard]] bool interrupted();

}  // namespace imi::cli
