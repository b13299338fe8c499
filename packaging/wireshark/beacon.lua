-- Wireshark's view of Beacon's frames (docs/protocol.md, section 2), version 1.
--
-- Copy it into a folder that Wireshark reads ("Personal Lua Plugins" in Help, About, Folders), or
--     tshark -X lua_script:beacon.lua -i eth0 -f 'udp port 7878'
-- Frames are found on UDP port 7878, and by their first bytes on any other. What a receiver would drop is marked with
-- the reason that it would count (section 11), as far as the frame alone shows it.

-- Wireshark has a "beacon" already, of Bluetooth Mesh.
local beacon = Proto("beacon_fleet", "Beacon")

local FRAME_LEN, MAGIC, VERSION = 64, 0xbeac, 1
local LEAST_INTERVAL_MS, MOST_INTERVAL_MS = 10, 2 ^ 31

local KINDS = { [1] = "beat", [2] = "bye", [3] = "ack", [4] = "probe", [5] = "reply" }
local BEAT, BYE, PROBE, REPLY = 1, 2, 4, 5
local HEALTHS = { [0] = "ok", [1] = "warning", [2] = "critical", [3] = "unknown" }
local REASONS = { [0] = "stop", [1] = "sleep", [2] = "reboot", [3] = "upgrade" }

local field = {
    magic = ProtoField.uint16("beacon_fleet.magic", "Magic", base.HEX),
    version = ProtoField.uint8("beacon_fleet.version", "Version"),
    kind = ProtoField.uint8("beacon_fleet.kind", "Kind", base.DEC, KINDS),
    code = ProtoField.uint8("beacon_fleet.code", "Code"),
    health = ProtoField.uint8("beacon_fleet.health", "Health", base.DEC, HEALTHS),
    reason = ProtoField.uint8("beacon_fleet.reason", "Reason", base.DEC, REASONS),
    flags = ProtoField.uint8("beacon_fleet.flags", "Flags", base.HEX),
    want_ack = ProtoField.bool("beacon_fleet.flags.want_ack", "WANT_ACK", 8, nil, 0x01),
    skipped = ProtoField.bool("beacon_fleet.flags.skipped", "SKIPPED", 8, nil, 0x02),
    key_id = ProtoField.uint8("beacon_fleet.key_id", "Key id"),
    misses = ProtoField.uint8("beacon_fleet.misses", "Misses"),
    label = ProtoField.string("beacon_fleet.label", "Label"),
    session = ProtoField.uint64("beacon_fleet.session", "Session", base.HEX),
    began = ProtoField.absolute_time("beacon_fleet.session.began", "Session began", base.UTC),
    sent_us = ProtoField.uint64("beacon_fleet.sent_us", "Sent after (us)"),
    nonce = ProtoField.uint64("beacon_fleet.nonce", "Nonce", base.HEX),
    seq = ProtoField.uint32("beacon_fleet.seq", "Sequence number"),
    interval_ms = ProtoField.uint32("beacon_fleet.interval_ms", "Interval (ms)"),
    next_ms = ProtoField.uint32("beacon_fleet.next_ms", "Next after (ms)"),
    uptime_s = ProtoField.uint32("beacon_fleet.uptime_s", "Uptime (s)"),
    tag = ProtoField.uint64("beacon_fleet.tag", "Tag", base.HEX),
}
beacon.fields = field

local dropped = ProtoExpert.new("beacon_fleet.dropped", "A receiver drops this", expert.group.MALFORMED, expert.severity.ERROR)
beacon.experts = { dropped }

-- The label without its padding, or nil where there is none that a receiver takes (section 3).
local function label_of(frame)
    local text, padding = frame(8, 16):raw():match("^(%w[%w%._%-]*)(%z*)$")
    if text and #text + #padding == 16 then
        return text
    end
end

-- The reason for which a receiver drops a frame; nil where its form is right.
local function flaw(frame)
    local kind = frame(3, 1):uint()
    if frame(0, 2):uint() ~= MAGIC then
        return "magic"
    elseif frame(2, 1):uint() ~= VERSION then
        return "version"
    elseif not KINDS[kind] then
        return "kind"
    elseif not label_of(frame) then
        return "label"
    elseif kind == BEAT or kind == BYE or kind == REPLY then
        local interval_ms = frame(44, 4):uint()
        if interval_ms < LEAST_INTERVAL_MS or interval_ms > MOST_INTERVAL_MS then
            return "interval"
        end
    end
end

local function show(frame, tree)
    local kind = frame(3, 1):uint()
    tree:add(field.magic, frame(0, 2))
    tree:add(field.version, frame(2, 1))
    tree:add(field.kind, frame(3, 1))
    local codes = { [BEAT] = field.health, [BYE] = field.reason }
    tree:add(codes[kind] or field.code, frame(4, 1))
    local flags = tree:add(field.flags, frame(5, 1))
    flags:add(field.want_ack, frame(5, 1))
    flags:add(field.skipped, frame(5, 1))
    tree:add(field.key_id, frame(6, 1))
    tree:add(field.misses, frame(7, 1))
    tree:add(field.label, frame(8, 16), label_of(frame) or "(none)")
    local session = tree:add(field.session, frame(24, 8))
    session:add(field.began, frame(24, 4), NSTime.new(frame(24, 4):uint()))
    local is_question = kind == PROBE or kind == REPLY
    tree:add(is_question and field.nonce or field.sent_us, frame(32, 8))
    tree:add(field.seq, frame(40, 4))
    tree:add(field.interval_ms, frame(44, 4))
    tree:add(field.next_ms, frame(48, 4))
    tree:add(field.uptime_s, frame(52, 4))
    tree:add(field.tag, frame(56, 8))
end

local function summary(frame)
    local kind, code = frame(3, 1):uint(), frame(4, 1):uint()
    local words = { KINDS[kind], label_of(frame) }
    if kind == BEAT then
        words[#words + 1] = HEALTHS[code] or "unknown"
    elseif kind == BYE then
        words[#words + 1] = REASONS[code] or "stop"
    end
    if kind ~= PROBE then
        words[#words + 1] = "seq " .. frame(40, 4):uint()
    end
    return table.concat(words, " ")
end

function beacon.dissector(datagram, packet, root)
    packet.cols.protocol = "BEACON"
    local tree = root:add(beacon, datagram())
    if datagram:reported_len() ~= FRAME_LEN or datagram:len() ~= FRAME_LEN then
        packet.cols.info = "dropped: length"
        tree:add_proto_expert_info(dropped, "length: a frame is 64 bytes, not " .. datagram:reported_len())
        return datagram:len()
    end
    local frame = datagram()
    local reason = flaw(frame:tvb())
    show(frame:tvb(), tree)
    if reason then
        packet.cols.info = "dropped: " .. reason
        tree:add_proto_expert_info(dropped, reason)
    else
        packet.cols.info = summary(frame:tvb())
    end
    return FRAME_LEN
end

DissectorTable.get("udp.port"):add(7878, beacon)

beacon:register_heuristic("udp", function(datagram, packet, root)
    if datagram:len() ~= FRAME_LEN or datagram(0, 2):uint() ~= MAGIC then
        return false
    end
    beacon.dissector(datagram, packet, root)
    return true
end)
