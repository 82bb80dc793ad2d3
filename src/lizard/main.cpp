#include "commands.hpp"

int main(int argc, char** argv) { return iotc_ha::lizard::command_line(argc, argv); }
