// The commands, one function per family: each adds its subcommands to the root and sets
// session.action when one is chosen.
#pragma once

#include "cli/session.h"

namespace CLI {
class App;
}

namespace imi::cli {

void add_network_commands(CLI::App& root, Session& session);     // network up|status|down|logs
void add_demo_commands(CLI::App& root, Session& session);        // demo load|tour
void add_submit_commands(CLI::App& root, Session& session);      // submit, submission
void add_import_commands(CLI::App& root, Session& session);      // import
void add_event_commands(CLI::App& root, Session& session);       // event show|record|correct|...
void add_enterprise_commands(CLI::App& root, Session& session);  // enterprise show|register
void add_agency_commands(CLI::App& root, Session& session);      // agency list|show
void add_person_commands(CLI::App& root, Session& session);      // person, me, attest, attestation
void add_chain_commands(CLI::App& root, Session& session);   // block, head, status, validators...
void add_proof_commands(CLI::App& root, Session& session);   // proof verify, genesis show|id
void add_wallet_commands(CLI::App& root, Session& session);  // wallet init|receive
void add_key_commands(CLI::App& root, Session& session);     // key new|show
void add_bench_command(CLI::App& root, Session& session);    // bench
void add_completion_command(CLI::App& root, Session& session);  // completion bash

void add_all_commands(CLI::App& root, Session& session);

}  // namespace imi::cli
