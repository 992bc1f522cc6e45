"""Vocabulary of the documents: vendors, products, labels, protocol spellings. All vendors are invented."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("power", "io", "protocols", "warranty")


@dataclass(frozen=True)
class Vendor:
    """The house style of a manufacturer.

    ``models`` are patterns of model numbers (``#`` a digit, ``@`` a letter). ``house`` selects the wording
    from ``LABELS``. ``order`` is the order of the groups on its sheets. ``casing`` applies to its labels.
    """

    name: str
    models: tuple[str, ...]
    house: int
    order: tuple[str, ...] = GROUPS
    casing: str = "sentence"
    decimal_comma: bool = False


VENDORS = (
    Vendor("Norvik", ("NVR-####-@", "NX###@"), 0),
    Vendor(
        "Halden Drives", ("HD##.###", "HDX-####"), 1, ("power", "protocols", "io", "warranty"), "title", True
    ),
    Vendor(
        "Castor Controls", ("CC-###/##", "CTR####@@"), 2, ("io", "power", "protocols", "warranty"), "upper"
    ),
    Vendor("Brightwell", ("BW@-###-##", "BWL####"), 3, ("power", "io", "warranty", "protocols"), "title"),
    Vendor(
        "Tessera Automation", ("T@S-####", "TSA##-###@"), 4, ("protocols", "io", "power", "warranty"), "lower"
    ),
    Vendor(
        "Oakham Ridge", ("OR####-##", "OKH-@@###"), 5, ("warranty", "power", "io", "protocols"), "sentence"
    ),
    Vendor(
        "Fjellmark", ("FM-###-@#", "FJK####.#"), 6, ("power", "io", "protocols", "warranty"), "title", True
    ),
    Vendor("Delmarco", ("DM/####-@", "DLM###@#"), 7, ("io", "protocols", "power", "warranty"), "upper", True),
    Vendor(
        "Saltmarsh Electric", ("SE@###-##", "SME-#####"), 8, ("power", "warranty", "io", "protocols"), "lower"
    ),
    Vendor(
        "Kestrel Process", ("KP-@####", "KSP##@-###"), 9, ("protocols", "power", "io", "warranty"), "sentence"
    ),
    Vendor("Ironbridge", ("IB###-##@@", "IBC-####"), 10, ("power", "io", "protocols", "warranty"), "upper"),
    Vendor("Lumenta", ("LM@##-###", "LU####-#"), 11, ("io", "warranty", "protocols", "power"), "title"),
)

PRODUCTS = (
    "motor controller",
    "pump drive",
    "soft starter",
    "chiller controller",
    "burner control unit",
    "conveyor drive",
    "compressor controller",
    "dosing controller",
    "process controller",
    "fan drive",
    "furnace controller",
    "crane control unit",
)

LABELS: dict[str, tuple[str, ...]] = {
    "model_number": (
        "Model",
        "Type",
        "Model no.",
        "Model number",
        "Product code",
        "Type designation",
        "Catalog no.",
    ),
    "power_requirements.voltage": (
        "Voltage",
        "Rated voltage",
        "Supply voltage",
        "Mains voltage",
        "Input voltage",
        "Line voltage",
        "Nominal voltage",
    ),
    "power_requirements.phase": ("Phase", "Phases", "No. of phases", "Supply phases", "Phase configuration"),
    "power_requirements.frequency": (
        "Frequency",
        "Mains frequency",
        "Line frequency",
        "Rated frequency",
        "Supply frequency",
    ),
    "power_requirements.amperage": (
        "Current",
        "Rated current",
        "Full-load current",
        "FLA",
        "Amperage",
        "Input current",
        "Nominal current",
    ),
    "io_config.digital_inputs": (
        "Digital inputs",
        "DI",
        "Binary inputs",
        "Discrete inputs",
        "Digital input channels",
        "No. of digital inputs",
    ),
    "io_config.relay_outputs": (
        "Relay outputs",
        "RO",
        "Output relays",
        "Relays",
        "Relay output channels",
        "No. of relay outputs",
    ),
    "protocols": (
        "Protocols",
        "Communication",
        "Fieldbus",
        "Communications protocols",
        "Bus interfaces",
        "Networks",
        "Comms",
    ),
    "warranty_years": (
        "Warranty",
        "Guarantee",
        "Warranty period",
        "Limited warranty",
        "Manufacturer's warranty",
    ),
    "power": ("Power supply", "Supply", "Mains", "Input power", "Electrical supply", "Power requirements"),
    "io": ("I/O", "Digital I/O", "Inputs/outputs", "I/O configuration", "Terminals"),
}

# Short names, as in exports, tags and nameplates.
CODES: dict[str, tuple[str, ...]] = {
    "model_number": ("model", "type", "model_no", "product_code"),
    "power_requirements.voltage": ("voltage", "supply_voltage", "u_nom", "volts"),
    "power_requirements.phase": ("phase", "phases", "supply_phases", "ph"),
    "power_requirements.frequency": ("frequency", "freq", "line_freq", "f_nom"),
    "power_requirements.amperage": ("current", "amps", "i_nom", "fla"),
    "io_config.digital_inputs": ("digital_inputs", "di", "di_count", "num_di"),
    "io_config.relay_outputs": ("relay_outputs", "ro", "relay_count", "num_ro"),
    "protocols": ("protocols", "comms", "fieldbus", "bus"),
    "warranty_years": ("warranty", "guarantee", "warranty_term"),
}

PLATES: dict[str, tuple[str, ...]] = {
    "model_number": ("MODEL", "TYPE", "MOD."),
    "power_requirements.voltage": ("VOLTS", "V", "VOLTAGE"),
    "power_requirements.phase": ("PH", "PHASE"),
    "power_requirements.frequency": ("HZ", "CYCLES", "FREQ"),
    "power_requirements.amperage": ("AMPS", "FLA", "A"),
    "io_config.digital_inputs": ("DI", "DIG.IN"),
    "io_config.relay_outputs": ("RO", "REL.OUT"),
    "protocols": ("COMM", "BUS"),
    "warranty_years": ("WARRANTY", "WARR."),
}

# Canonical name → its spellings in documents, the canonical one first.
PROTOCOLS: dict[str, tuple[str, ...]] = {
    "Modbus TCP": ("Modbus TCP", "Modbus/TCP", "MODBUS-TCP", "Modbus TCP/IP", "ModbusTCP"),
    "Modbus RTU": ("Modbus RTU", "Modbus-RTU", "MODBUS RTU", "ModbusRTU"),
    "EtherNet/IP": ("EtherNet/IP", "Ethernet/IP", "EtherNet-IP", "ETHERNET/IP"),
    "PROFINET": ("PROFINET", "Profinet", "PROFInet", "ProfiNet IO"),
    "PROFIBUS DP": ("PROFIBUS DP", "Profibus-DP", "Profibus DP", "PROFIBUS-DP"),
    "CANopen": ("CANopen", "CAN open", "CANOpen", "CANOPEN"),
    "EtherCAT": ("EtherCAT", "Ethercat", "ETHERCAT"),
    "DeviceNet": ("DeviceNet", "Devicenet", "DEVICENET", "Device Net"),
    "BACnet/IP": ("BACnet/IP", "BACnet IP", "BACNET/IP", "Bacnet-IP"),
    "BACnet MS/TP": ("BACnet MS/TP", "BACnet MSTP", "BACNET MS/TP"),
    "OPC UA": ("OPC UA", "OPC-UA", "OPCUA"),
    "MQTT": ("MQTT", "mqtt", "Mqtt"),
    "DNP3": ("DNP3", "DNP 3", "DNP-3", "DNP3.0"),
    "HART": ("HART", "Hart"),
    "IO-Link": ("IO-Link", "IO Link", "IO-LINK", "I/O-Link"),
    "CC-Link": ("CC-Link", "CC Link", "CC-LINK"),
    "POWERLINK": ("POWERLINK", "Powerlink", "PowerLink"),
    "IEC 61850": ("IEC 61850", "IEC61850", "IEC-61850"),
    "ControlNet": ("ControlNet", "Controlnet", "CONTROLNET"),
    "LonWorks": ("LonWorks", "LON Works", "Lonworks", "LONWORKS"),
}

NUMBER_WORDS = {
    1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine",
    10: "ten", 11: "eleven", 12: "twelve", 14: "fourteen", 16: "sixteen", 18: "eighteen", 20: "twenty",
    24: "twenty-four", 32: "thirty-two",
}  # fmt: skip

ABSENT_MARKS = ("n/a", "-", "not specified", "TBD", "not stated", "--")
