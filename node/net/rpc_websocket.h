// Internal to node/net.
#pragma once

#include "node/net/http_request.h"
#include "node/net/rpc_impl.h"

namespace imi::node {

// Takes over a socket, whose client asked for an upgrade with `request`.
void start_websocket(RpcServer::Impl& server, Tcp::socket socket, HttpRequest request,
                     RpcClient client);

// Queues a notification; a client whose queue is full is disconnected.
void push_to(RpcWebSocket& socket, std::string text);

}  // namespace imi::node
