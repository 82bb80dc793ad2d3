#include "conversation.hpp"

#include <stdexcept>

namespace iotc_ha::integration {

std::unique_ptr<Claimer> Conversation::claimer_of_properties(const std::vector<std::string>& names) {
  auto claimer = new_claimer();
  if (const auto claimed = claimer->claim_properties(names); !claimed) throw std::runtime_error(claimed.error().text);
  return claimer;
}

std::unique_ptr<Claimer> Conversation::claimer_of_commands(const std::vector<std::string>& names) {
  auto claimer = new_claimer();
  if (const auto claimed = claimer->claim_commands(names); !claimed) throw std::runtime_error(claimed.error().text);
  return claimer;
}

void Conversation::lose_all_hubs() {
  lizard().attack("hub-a", "kill");
  lizard().attack("hub-b", "kill");
  if (!await_state("Backoff")) throw std::runtime_error("the daemon does not notice that there is no hub");
}

void Conversation::restart_killed_daemon(const std::string& hub) {
  start_daemon();
  if (!await_hub(hub) || !await_telemetry_service()) throw std::runtime_error("the daemon did not get to work again");
}

void Conversation::send_c2d(const std::string& name, const std::string& body, const std::string& message_id) {
  Command command{"c2d", k_device, body, "--method-name", name};
  if (!message_id.empty()) command.insert(command.end(), {"--message-id", message_id});
  lizard().act(command);
}

}  // namespace iotc_ha::integration
