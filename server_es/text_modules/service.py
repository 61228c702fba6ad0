"""The servicer of the text modules."""

from typing import Any

from esoffice.es.v1 import text_modules_pb2 as pb
from esoffice.es.v1 import text_modules_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh.database import Database, UnitOfWork
from mesh.errors import NotFound
from server_es.servicecalls.names import number_of
from server_es.text_modules import placeholders, rules
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.catalogue import LANGUAGES, TEXT_MODULE, Entries
from server_es.text_modules.placeholders import Values


class TextModules(grpc_.TextModuleServiceServicer):
    """Serves text modules.

    Args:
        database: of server_es.
        texts: reads what texts say about calls.
    """

    def __init__(self, database: Database, texts: CallTexts) -> None:
        self._database = database
        self._texts = texts
        self._entries = Entries()

    async def GetTextModule(self, request: pb.GetTextModuleRequest, _context: Any) -> pb.TextModule:
        return await self._database.read(self._entries.get, TEXT_MODULE, request.name)

    async def ListTextModules(self, request: pb.ListTextModulesRequest, _context: Any) -> pb.ListTextModulesResponse:
        return pb.ListTextModulesResponse(**await self._database.read(self._entries.page, TEXT_MODULE, request))

    async def CreateTextModule(self, request: pb.CreateTextModuleRequest, _context: Any) -> pb.TextModule:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._entries.create, TEXT_MODULE, request)

    async def UpdateTextModule(self, request: pb.UpdateTextModuleRequest, _context: Any) -> pb.TextModule:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._entries.update, TEXT_MODULE, request)

    async def DeleteTextModule(self, request: pb.DeleteTextModuleRequest, _context: Any) -> Empty:
        await self._database.run(self._entries.delete, TEXT_MODULE, request)
        return Empty()

    async def PreviewTextModule(
        self, request: pb.PreviewTextModuleRequest, _context: Any
    ) -> pb.PreviewTextModuleResponse:
        return await self._database.read(self._preview, request)

    async def ListPlaceholders(
        self, _request: pb.ListPlaceholdersRequest, _context: Any
    ) -> pb.ListPlaceholdersResponse:
        listed = [
            pb.Placeholder(name=one.name, german_text=one.german, english_text=one.english)
            for one in placeholders.ALL.values()
        ]
        return pb.ListPlaceholdersResponse(placeholders=listed)

    def _preview(self, unit: UnitOfWork, request: pb.PreviewTextModuleRequest) -> pb.PreviewTextModuleResponse:
        text, language = request.text, request.language
        if request.name:
            module = self._entries.get(unit, TEXT_MODULE, request.name)
            text, language = module.text, module.language
        else:
            rules.check(text, placeholders.ALL)
        number = number_of(request.servicecall, field="servicecall")
        facts = self._texts.read(unit, [number]).get(number)
        if facts is None:
            raise NotFound(f"{request.servicecall} does not exist", resource=request.servicecall)
        template = rules.template(text, LANGUAGES[language])
        values = Values(facts, template.language)
        written = rules.render(template, values)
        return pb.PreviewTextModuleResponse(
            subject=written.subject, body=written.body, missing=rules.missing(template, values)
        )
