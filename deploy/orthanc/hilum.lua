-- Tells Hilum of every study that has become stable, so that it is fetched at once.
--
-- Put this file where Orthanc can read it and name it in its configuration:
--
--     "LuaScripts": ["/etc/orthanc/hilum.lua"]
--
-- Environment of Orthanc:
--
--     HILUM_URL       root of Hilum, default http://127.0.0.1:8080
--     HILUM_API_KEY   a key with the scope `write` (hilum keys create orthanc --scope write);
--                     not needed while Hilum asks for none
--     HILUM_SOURCE    name of this Orthanc in Hilum's settings (orthanc.sources.NAME); not needed
--                     when it is the only one or the first
--
-- A call that fails is only logged: Hilum reads the list of changes as well and misses nothing.

local function setting(name, default)
   local value = os.getenv and os.getenv(name)
   if value == nil or value == '' then
      return default
   end
   return value
end

local URL = string.gsub(setting('HILUM_URL', 'http://127.0.0.1:8080'), '/+$', '')
   .. '/api/v1/ingestion/studies'
local KEY = setting('HILUM_API_KEY', nil)
local SOURCE = setting('HILUM_SOURCE', nil)

if SetHttpTimeout ~= nil then
   SetHttpTimeout(5)
end

function OnStableStudy(studyId, tags, metadata)
   local headers = { ['Content-Type'] = 'application/json' }
   if KEY ~= nil then
      headers['X-API-Key'] = KEY
   end
   local call = { ['ID'] = studyId, ['Path'] = '/studies/' .. studyId }
   if SOURCE ~= nil then
      call['Source'] = SOURCE
   end
   local ok, answer = pcall(HttpPost, URL, DumpJson(call, true), headers)
   if not ok or answer == nil then
      print('hilum.lua: ' .. URL .. ' did not take study ' .. studyId)
   end
end
